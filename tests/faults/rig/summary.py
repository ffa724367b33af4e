"""What came of it, for people."""
import collections

SHOWN = 20


def print_faults(faults):
    """The first of each kind, and how many there are."""
    kinds = collections.Counter(fault.kind for fault in faults)
    for kind, count in kinds.items():
        print(f"FAILED: {kind}: {count}")
        for fault in [each for each in faults if each.kind == kind][:SHOWN]:
            print(f"    {fault.at:10.3f}  {fault.text}")


def print_counts(counts, order):
    width = max(len(name) for name in counts)
    for name in sorted(counts, key=lambda each: (order.index(each) if each in order else len(order), each)):
        print(f"  {name:{width}}  {counts[name]}")


def print_equal(measured, within):
    """How long the tables took to be equal, after each healing."""
    print("after healing, seconds until")
    print("  all members serve  tables are equal  the latter after the former")
    for each in measured:
        mark = f"  {each['why']}" if each["why"] else "" if each["after"] <= within else f"  too late: {each['last']}"
        print(f"  {each['served']:17.2f}  {each['equal']:16.2f}  {each['after']:27.2f}{mark}")
