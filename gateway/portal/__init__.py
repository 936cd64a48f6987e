"""The developer portal's pages: server-rendered, in Chinese and English. Only the reference needs
a script, which `vendor` holds."""

from gateway.portal.cookies import Cookie, Cookies
from gateway.portal.forms import Form, FormRefused, Forms
from gateway.portal.renderer import Pages
from gateway.portal.routes import PageRoutes

__all__ = ["Cookie", "Cookies", "Form", "FormRefused", "Forms", "PageRoutes", "Pages"]
