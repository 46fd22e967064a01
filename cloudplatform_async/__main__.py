"""``python -m cloudplatform_async`` is the command ``cloudplatform``."""

import sys

from cloudplatform_async.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
