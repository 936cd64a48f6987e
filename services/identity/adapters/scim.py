"""SCIM 2.0 (RFC 7643, RFC 7644) over the accounts that clients provision.

scim2-server speaks the protocol: it validates, patches, pages, negotiates versions, and says what
is wrong. Here stand the schema that we publish, and the storage that it works on.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import EmailStr, Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    InvalidFilterException,
    Meta,
    Mutability,
    NotFoundException,
    NotImplementedException,
    Patch,
    PreconditionFailedException,
    Reference,
    Required,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    ScimFilter,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.path import Comparison, CompareOperator, FilterNode, LogicalExpr, LogicalOperator
from scim2_server import AsyncScimStorage, SearchPage
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
