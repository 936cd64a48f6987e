import signal
import sys

# Ctrl-C simply ends us until a command is there that has something to tidy up: an extension that is
# interrupted while it loads has no words for it.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from stack.cli import main  # noqa: E402 - after what must come first

sys.exit(main(sys.argv[1:]))
