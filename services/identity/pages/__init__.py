"""What people see: server-rendered pages in Chinese and English that need no script."""

from services.identity.pages.cookies import Cookie, Cookies
from services.identity.pages.forms import Form, FormRefused
from services.identity.pages.renderer import FormError, Pages, redirect_source
from services.identity.pages.routes import PageRoutes

__all__ = [
    "Cookie",
    "Cookies",
    "Form",
    "FormError",
    "FormRefused",
    "PageRoutes",
    "Pages",
    "redirect_source",
]
