"""A project of the workspace."""

from typing import Literal

from attrs import field, frozen

from cloudplatform_async.models.base import Model
from cloudplatform_async.models.timestamps import AwareDatetime

ProjectStatus = Literal["active", "archived"]


@frozen(kw_only=True)
class Project(Model):
    """A project; only ``id`` and ``name`` are always there (API contract §4).

    Subclass it with a field of your own, and pass the subclass as ``model=``, to read a field that
    is newer than this package.

    Attributes:
        id: The platform's name for it, such as ``"prj_01"``.
        name: What people call it.
        slug: Unique in the workspace.
        status: ``"active"``, ``"archived"``, or a status newer than this package.
        labels: Keys and values of the user's own.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    id: str
    name: str
    slug: str | None = None
    status: ProjectStatus | str | None = None
    labels: dict[str, str] = field(factory=dict[str, str], hash=False)  # a dict has none
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
