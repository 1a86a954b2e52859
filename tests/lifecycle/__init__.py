"""An operation's course, played by real clients on a real server: see `tests.mallory.harness`."""
