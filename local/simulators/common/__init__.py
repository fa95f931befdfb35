"""What every simulator shares: contract checks, fault switches, a call log, the servers."""

import sys

# jsonschema imports whatever can check a format and happens to be installed. This one compiles 38
# grammars, for more than a second, for formats that no contract here has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: not to be found
