"""Writes the package's software bill of materials (CycloneDX 1.6), which the wheel carries (PEP 770)."""

import tomllib
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
TARGET = ROOT / ".sbom" / "cloudplatform-async.cdx.json"


def bill_of_materials(pyproject: str) -> str:
    """Write the bill: the package, and each direct dependency with the versions that it allows.

    Nothing of the moment or the machine is in it, so that the same source gives the same bytes.
    """
    project = tomllib.loads(pyproject)["project"]
    package = _component(project["name"], project["version"])
    package.licenses.add(LicenseFactory().make_from_string(project["license"]))
    dependencies = [_dependency(Requirement(text)) for text in project["dependencies"]]
    bom = Bom(
        metadata=BomMetaData(component=package),
        components=dependencies,
        serial_number=uuid5(NAMESPACE_URL, str(package.purl)),
    )
    bom.register_dependency(package, dependencies)
    bom.metadata.timestamp = None  # type: ignore[assignment]  # optional in the schema, a part of the clock here
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def _dependency(requirement: Requirement) -> Component:
    component = _component(requirement.name, None)
    component.properties.add(Property(name="python:requires", value=str(requirement)))
    return component


def _component(name: str, version: str | None) -> Component:
    purl = PackageURL("pypi", name=name, version=version)
    return Component(type=ComponentType.LIBRARY, name=name, version=version, purl=purl, bom_ref=str(purl))


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(bill_of_materials((ROOT / "pyproject.toml").read_text("utf-8")), "utf-8")
