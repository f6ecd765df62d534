"""What one person has to do."""

from .interval import Interval, parse


class Calendar:
    """Appointments in the order in which they were made."""

    def __init__(self, owner, *texts):
        self.owner, self.busy = owner, []
        for text in texts:
            self.book(parse(text))

    def book(self, interval):
        self.busy.append(interval)
        return self

    def cancel(self, interval):
        self.busy.remove(interval)

    def load(self):
        """Booked minutes; what is booked twice counts twice."""
        return sum(interval.minutes for interval in self.busy)


def working_day(start=9, end=17):
    return Interval(start * 60, end * 60)
