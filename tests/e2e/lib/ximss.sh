# Talking to the server, and accounts to talk about.
# shellcheck shell=sh

xml_py=$XIMSS_SRC/tests/e2e/lib/xmlcheck.py

# ctl ARGS...: the administrator's command on the test's data.
ctl() {
    "$XIMSSCTL" -d "$data" "$@"
}

# make_account NAME@DOMAIN PASSWORD: an account, and its domain if there is none.
make_account() {
    ctl domain create "${1#*@}" >/dev/null 2>&1
    printf '%s\n' "$2" | ctl account create "$1" --password-stdin >"$root/tmp/ctl.log" 2>&1 || {
        sed 's/^/# /' "$root/tmp/ctl.log"
        echo "Bail out! cannot make account $1"
        exit 1
    }
}

# import ACCOUNT MAILBOX PATH...
import() {
    ctl import "$@" >"$root/tmp/ctl.log" 2>&1 || {
        sed 's/^/# /' "$root/tmp/ctl.log"
        echo "Bail out! cannot import"
        exit 1
    }
}

# http CURL-ARGUMENTS...: a request; sets $status, $headers, $body (without the line end at its end).
http() {
    : >"$root/tmp/headers"
    : >"$root/tmp/body"
    status=$(curl -s -m 60 -D "$root/tmp/headers" -o "$root/tmp/body" -w '%{http_code}' "$@")
    headers=$(tr -d '\r' <"$root/tmp/headers")
    body=$(tr -d '\0\r' <"$root/tmp/body")
}

# header NAME: its value in the last answer.
header() {
    printf '%s\n' "$headers" | sed -n "s/^$1: //Ip" | tail -n 1
}

# login NAME PASSWORD [QUERY]: sets $id to the urlID of a new session, empty when refused.
login() {
    http "$url/XIMSSLogin/?errorAsXML=1${3:+&$3}" --data-urlencode "userName=$1" \
        --data-urlencode "password=$2"
    id=$(printf '%s' "$body" | sed -n 's/.*<session[^>]* urlID="\([^"]*\)".*/\1/p')
}

# sync XML [CURL-ARGUMENTS...]: a batch of requests in the session $id; the answer is in $body.
sync() {
    sync_xml=$1
    shift
    http "$url/Session/$id/sync" -H 'Content-Type: text/xml; charset=utf-8' \
        --data-binary "<XIMSS>$sync_xml</XIMSS>" "$@"
}

# xml_get PATH: what a path in the last body selects, a line each (see xmlcheck.py).
xml_get() {
    python3 "$xml_py" get "$1" <"$root/tmp/body"
}

# xml_is NAME EXPECTED: the last body equals EXPECTED as canonical XML.
xml_is() {
    printf '%s' "$2" >"$root/tmp/expected.xml"
    if xml_difference=$(python3 "$xml_py" same "$root/tmp/expected.xml" <"$root/tmp/body" 2>&1); then
        pass "$1"
    else
        fail "$1" "$xml_difference"
    fi
}

# python_checks COUNT SCRIPT ARGUMENTS...: the COUNT checks that a script of lib prints, "ok NAME" or "not ok NAME: why".
python_checks() {
    python_count=$1
    python_script=$XIMSS_SRC/tests/e2e/lib/$2
    shift 2
    python3 "$python_script" "$@" >"$root/tmp/checks" 2>"$root/tmp/problems"
    is 'the client ends well' "$? $(tail -n 3 "$root/tmp/problems")" '0 '
    while read -r python_line; do
        case $python_line in
        'ok '*) pass "${python_line#ok }" ;;
        *) fail "${python_line#not ok }" ;;
        esac
    done <"$root/tmp/checks"
    is 'all checks ran' "$(wc -l <"$root/tmp/checks" | tr -d ' ')" "$python_count"
}
