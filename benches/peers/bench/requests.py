"""Files of requests that change the table, played again and again."""

from . import data as forms

CHANGES_A_SECOND = 10_000
# So many requests lie between one for a host and the next for it, that they cannot pass each other.
APART = 1_000


def changes(data):
    """Every host gets another port, then its own again: the table stays as large, and each request is a change."""
    path = data.path("changes")
    if not path.exists():
        with open(path, "w", buffering=1 << 20) as file:
            for port in (forms.PORT + 1, forms.PORT):
                file.writelines(forms.single(*row, port) for row in data.rows())
    return path


def floor(data):
    """Every host, as the floor of axum takes it."""
    path = data.path("changes-floor")
    if not path.exists():
        with open(path, "w", buffering=1 << 20) as file:
            file.writelines(forms.floor(*row) for row in data.rows())
    return path


def churn(data):
    """Hosts come and go, two for each service in turn."""
    path = data.path("churn")
    if not path.exists():
        guests = [
            (forms.name(service), f"guest-{guest}", forms.address((1 << 21) + service * 2 + guest))
            for guest in range(2)
            for service in range(data.services)
        ]
        with open(path, "w", buffering=1 << 20) as file:
            for start in range(0, len(guests), APART):
                group = guests[start : start + APART]
                file.writelines(forms.single(*guest) for guest in group)
                file.writelines(f"DELETE /v1/hosts/{service}/{host}\n" for service, host, _ in group)
    return path
