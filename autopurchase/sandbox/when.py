"""Times as the two protocols write them. Inside, a time is milliseconds since 1970 UTC."""

import re
import time
from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
WEST = timezone(timedelta(hours=-7))
_AOP = re.compile(r"(\d{14})(\d{3})?\s*([+-]\d{4})?$")


def now_ms() -> int:
    """The present, in milliseconds."""
    return time.time_ns() // 1_000_000


def aop_date(ms: int, zone: timezone = CHINA) -> str:
    """`20180802211113000+0800`, as a rule with the offset of China."""
    moment = datetime.fromtimestamp(ms // 1000, zone)
    return f"{moment:%Y%m%d%H%M%S}{ms % 1000:03d}{moment:%z}"


def local_date(ms: int) -> str:
    """`2018-08-02 21:11:13`, a wall clock of China without a zone."""
    return f"{datetime.fromtimestamp(ms // 1000, CHINA):%Y-%m-%d %H:%M:%S}"


def parse_aop_date(text: str) -> int:
    """Read an AOP date with any offset (China when there is none). ValueError when it is none."""
    found = _AOP.match(text.strip())
    if not found:
        raise ValueError(f"not an AOP date: {text}")
    stem, millis, offset = found.groups()
    moment = datetime.strptime(stem + (offset or "+0800"), "%Y%m%d%H%M%S%z")
    return int(moment.timestamp()) * 1000 + int(millis or 0)
