#!/bin/sh
# Prints the newest Python that Seatsync runs on: from PATH, else from pyenv's versions.
for version in 3.13 3.12 3.11; do
    for python in "python$version" python3 "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        # A pyenv shim may stand for a version that is not switched on, and a system's Python may
        # lack venv: only one that can make an environment counts.
        found=$("$python" -c 'import ensurepip, sys, venv
print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
        if [ "$found" = "$version" ]; then
            command -v "$python"
            exit 0
        fi
    done
done
echo "Seatsync needs Python 3.13, 3.12 or 3.11 with venv; none is on PATH or under pyenv." >&2
exit 1
