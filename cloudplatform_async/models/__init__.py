"""The platform's nouns as frozen, slotted attrs classes."""

from cloudplatform_async.models.projects import Project
from cloudplatform_async.models.usage import Usage

__all__ = ["Project", "Usage"]
