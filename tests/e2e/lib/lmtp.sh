# Talking LMTP to the test's httpd.
# shellcheck shell=sh disable=SC2154

# py [ARGUMENT...]: a Python script on standard input; it has lmtp.py, port, parent (of the children) and args.
py() {
    {
        echo 'import sys, time
from lmtp import *
port, parent, args = sys.argv[1], sys.argv[2], sys.argv[3:]'
        cat
    } | PYTHONPATH="$XIMSS_SRC/tests/e2e/lib" PYTHONDONTWRITEBYTECODE=1 python3 - "$lmtp_port" "$httpd_pid" "$@"
}
# deliver SENDER FILE RECIPIENT...: the replies.
deliver() {
    PYTHONDONTWRITEBYTECODE=1 python3 "$XIMSS_SRC/tests/e2e/lib/lmtp.py" "$lmtp_port" "$@"
}
