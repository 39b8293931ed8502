# Makes lib/base/casefold.inc from CaseFolding.txt of Unicode (Debian: unicode-data):
#
#   awk -f lib/tools/casefold.awk /usr/share/unicode/CaseFolding.txt >lib/base/casefold.inc
#
# Simple folding (status C and S), as runs {first, last, step, shift}: each step-th code point from
# first to last folds to itself plus shift. The result is committed and frozen: text folded by it is
# stored in search indexes, so another table means another index.
#
# POSIX awk has no hexadecimal input, hence hex().

function hex(text,    value, i)
{
    value = 0
    for (i = 1; i <= length(text); i++) {
        value = value * 16 + index("0123456789ABCDEF", substr(text, i, 1)) - 1
    }
    return value
}

function flush()
{
    if (runs) {
        printf "{0x%05x, 0x%05x, %d, %d},\n", first, last, step == 0 ? 1 : step, shift
    }
}

BEGIN {
    FS = "; "
    print "/* Made by lib/tools/casefold.awk; first, last, step, shift. */"
}

/^# CaseFolding-/ {
    print "/* " substr($0, 3) " */"
}

$2 == "C" || $2 == "S" {
    code = hex($1)
    delta = hex($3) - code
    gap = code - last
    if (runs && delta == shift && gap <= 2 && (step == 0 || step == gap)) {
        step = gap
        last = code
        next
    }
    flush()
    runs = 1
    first = last = code
    step = 0
    shift = delta
}

END {
    flush()
}
