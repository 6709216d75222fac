"""How a program under test is started."""

import signal


def heed_interrupts() -> None:
    """Hear Ctrl-C: whoever runs the tests in the background of a shell hands down that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
