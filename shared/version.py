"""The version of this source tree; one for all of its commands."""

VERSION = "0.1.0"
