"""The loop."""

import time

from .errors import TooManyAttempts
from .policy import Policy


def retry(call, policy=Policy(), sleep=time.sleep, log=None):
    """Calls until it succeeds, the error is permanent, or the attempts are used up."""
    failures = 0
    while True:
        try:
            return call()
        except Exception as error:
            failures += 1
            if log:
                log(f"attempt {failures}: {error}")
            sleep(policy.pause(failures, getattr(error, "after", None)))
            if failures > policy.attempts:
                raise TooManyAttempts(failures) from error
