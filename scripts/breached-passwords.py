#!/usr/bin/env python3
"""Makes passwords/src/breached.bin: known passwords that the length rule alone would let through.

    scripts/breached-passwords.py ALL COMMON...

Every argument is a text file with one password a line. Of ALL, which is too large to ship, only those
that people wrote in two letter cases or more are taken; the COMMON ones are taken whole. See
docs/decisions/0008-passwords.md for the lists.

The result is the first eight bytes of the SHA-256 of each password in lower case, sorted, no header.
"""

import collections
import hashlib
import pathlib
import sys

SHORTEST = 12  # rules.rs: what is shorter is refused anyway.
OUT = pathlib.Path(__file__).parent.parent / "passwords" / "src" / "breached.bin"


def passwords(file):
    """The passwords of `file` that are long enough, as written, each once."""
    text = pathlib.Path(file).read_text(encoding="utf-8", errors="ignore")
    return {line for line in text.splitlines() if len(line.lower()) >= SHORTEST}


def main(everything, common):
    spellings = collections.Counter(password.lower() for password in passwords(everything))
    taken = {password for password, count in spellings.items() if count > 1}
    for file in common:
        taken |= {password.lower() for password in passwords(file)}
    prefixes = sorted({hashlib.sha256(password.encode()).digest()[:8] for password in taken})
    OUT.write_bytes(b"".join(prefixes))
    print(f"{len(prefixes)} passwords")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
