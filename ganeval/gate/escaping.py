"""Names and notes of others on their way into XML or the log of a CI, and numbers: text stays text."""

import re

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold; the writer escapes the rest."""
    return NOT_XML.sub("�", text)


def command_data(text: str) -> str:
    """The message of a GitHub workflow command: `%`, line ends as percent escapes."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """A property of a GitHub workflow command: also `:` and `,`."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def number(value: float | None) -> str:
    """Four significant digits, "-" for none."""
    return "-" if value is None else f"{value:.4g}"


def signed(value: float | None) -> str:
    """Three significant digits with a sign, "-" for none."""
    return "-" if value is None else f"{value:+.3g}"
