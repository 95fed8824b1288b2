"""A first function: it greets, and what it prints is the execution's log."""


def main(name="World", **kwargs):
    print(f"greeting {name}")
    return {"greeting": f"Hello, {name}!"}
