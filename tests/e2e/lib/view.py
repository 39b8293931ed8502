"""A client's internal view of a folder, kept in a file (a UID a line), for the end-to-end tests.

view.py fill FILE     makes it from the folderReports of a folderBrowse on standard input
view.py apply FILE    applies the folderReports of a folderSync to it, each checked; prints their modes
view.py same FILE     compares it with the folderReports of a folderBrowse
"""
import sys
import xml.etree.ElementTree as tree


def apply(view, report):
    mode = report.get("mode")
    index = int(report.get("index"))
    uid = report.get("UID")
    if mode == "added":
        assert 0 <= index <= len(view), "added at %d of %d" % (index, len(view))
        view.insert(index, uid)
    assert view[index] == uid, "%s: UID %s at %d, not %s" % (mode, view[index], index, uid)
    if mode == "removed":
        del view[index]
    if mode != "updated":
        assert int(report.get("messages")) == len(view), "messages=%s" % report.get("messages")
    assert report.get("unseen") is not None
    assert mode != "removed" or len(report) == 0, "removed with fields"
    return mode


def main():
    command, path = sys.argv[1:]
    reports = tree.fromstring(sys.stdin.buffer.read()).findall("folderReport")
    browsed = [report.get("UID") for report in reports if report.get("mode") is None]
    view = []
    if command != "fill":
        with open(path) as file:
            view = file.read().split()
    if command == "same":
        assert view == browsed, "client %s, server %s" % (view, browsed)
        return
    if command == "apply":
        print(" ".join(apply(view, report) for report in reports))
    else:
        view = browsed
    with open(path, "w") as file:
        file.write("\n".join(view))


if __name__ == "__main__":
    main()
