"""What the doctor finds, and how it is told."""

from typing import Any, Literal

from attrs import asdict, define, field, frozen

State = Literal["ok", "warning", "problem", "unknown"]

_SIGNS: dict[State, str] = {"ok": "ok", "warning": "note", "problem": "WRONG", "unknown": "-"}


@frozen(kw_only=True)
class Finding:
    """What one check found; nothing of it is secret.

    Attributes:
        check: What was looked at.
        state: How it is.
        found: What is there, in words.
        advice: What to do, where something is wrong.
        code: Exit code that this problem stands for.
    """

    check: str
    state: State
    found: str
    advice: str = ""
    code: int = 0


@define
class Findings:
    """All that was found, in the order of the checks."""

    all: list[Finding] = field(factory=list[Finding])

    def ok(self, check: str, found: str) -> None:
        """Note that something is as it should be."""
        self.all.append(Finding(check=check, state="ok", found=found))

    def unknown(self, check: str, found: str) -> None:
        """Note that something cannot be known."""
        self.all.append(Finding(check=check, state="unknown", found=found))

    def warning(self, check: str, found: str, advice: str) -> None:
        """Note what may be meant so."""
        self.all.append(Finding(check=check, state="warning", found=found, advice=advice))

    def problem(self, check: str, found: str, advice: str, *, code: int) -> None:
        """Note what is wrong."""
        self.all.append(Finding(check=check, state="problem", found=found, advice=advice, code=code))

    @property
    def has_problem(self) -> bool:
        """Tell whether anything is wrong so far."""
        return self.exit_code != 0

    @property
    def exit_code(self) -> int:
        """Give the exit code of the first problem; 0 without one."""
        return next((finding.code for finding in self.all if finding.state == "problem"), 0)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON values, for a support ticket."""
        return {"ok": not self.has_problem, "exit_code": self.exit_code, "checks": [*map(asdict, self.all)]}

    def as_text(self) -> str:
        """Give everything as lines for a person."""
        width = max(len(finding.check) for finding in self.all)
        lines: list[str] = []
        for finding in self.all:
            lines.append(f"{_SIGNS[finding.state]:5}  {finding.check:{width}}  {finding.found}")
            if finding.advice:
                lines.append(f"{'':5}  {'':{width}}  -> {finding.advice}")
        return "\n".join(lines)
