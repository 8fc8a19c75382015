"""The certificate that servers of tests show."""

from tests.intake.conftest import certificate

__all__ = ["certificate"]
