"""Log lines of the local host: one line an event, to stderr."""

import json
import logging
import sys
from datetime import UTC, datetime

QUIET = ("azure", "urllib3", "uvicorn.access", "uvicorn.error", "asyncio")


class TextFormatter(logging.Formatter):
    """``time LEVEL logger message``; the lines of a traceback follow, indented."""

    def format(self, record: logging.LogRecord) -> str:
        line = (
            f"{_moment(record)} {record.levelname:<7} {record.name} "
            f"{record.getMessage().replace(chr(10), ' ')}"
        )
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line += "".join(f"\n    {part}" for part in trace.splitlines())
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line, the traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure_logging(*, as_json: bool, level: str) -> None:
    """Send the logs of the host and the app to stderr; storage traffic only from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
