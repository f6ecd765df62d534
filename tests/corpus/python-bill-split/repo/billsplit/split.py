"""Who pays how much."""


def split_amount(cents, weights):
    """Splits an amount by weights; the parts come in the order of the weights."""
    if not weights:
        raise ValueError("nobody to split between")
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    whole = sum(weights)
    if whole == 0:
        raise ValueError("all weights are zero")
    return [round(cents * weight / whole) for weight in weights]


def split_bill(bill):
    """Gives what each person owes, tip included."""
    owed = {name: 0 for name in bill.people}
    for line in bill.lines:
        names = line.people or tuple(bill.people)
        parts = split_amount(line.cents, [1] * len(names))
        for name, part in zip(names, parts):
            owed[name] += part
    tip = bill.tip()
    if tip:
        names = list(owed)
        for name, part in zip(names, split_amount(tip, [owed[name] for name in names])):
            owed[name] += part
    return owed
