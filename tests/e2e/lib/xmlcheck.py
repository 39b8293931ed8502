"""XML checks for the end-to-end tests.

xmlcheck.py get PATH      prints what PATH selects in the document on standard input, a line each
xmlcheck.py same FILE     compares the document with that in FILE as canonical XML
xmlcheck.py wellformed    checks the document

PATH: an ElementTree path; "/@name" at its end selects an attribute, else the text is printed.
"""
import sys
import xml.etree.ElementTree as tree


def select(root, path):
    name = None
    if "/@" in path:
        path, name = path.rsplit("/@", 1)
    elements = [root] if path in ("", ".") else root.findall(path)
    for element in elements:
        value = "".join(element.itertext()) if name is None else element.get(name)
        if value is not None:
            yield value


def main():
    data = sys.stdin.buffer.read()
    command = sys.argv[1]
    if command == "get":
        for value in select(tree.fromstring(data), sys.argv[2]):
            print(value)
    elif command == "same":
        with open(sys.argv[2], "rb") as file:
            expected = tree.canonicalize(file.read().decode())
        got = tree.canonicalize(data.decode())
        if got != expected:
            print("got:      " + got)
            print("expected: " + expected)
            return 1
    elif command == "wellformed":
        tree.fromstring(data)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tree.ParseError as error:
        print("not well-formed: %s" % error, file=sys.stderr)
        sys.exit(1)
