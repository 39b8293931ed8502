#!/bin/sh
# Every if, for and while has braces, which clang-format 14 cannot insert; text files are tidy; log numbers are unique.
. "$(dirname "$0")/lib/guard.sh"

# A condition that closes at the end of its line must be followed by a brace.
product_sources | code_lines | awk '{
        match($0, /^[^:]*:[0-9]*:/); place = substr($0, 1, RLENGTH - 1); text = substr($0, RLENGTH + 1)
        if (text ~ /^[ ]*((\} )?else )?(if|for|while) \(/) { open = 1; depth = 0; start = place }
        else if (text ~ /^[ ]*(\} )?else$/) { print place ": else without brace" }
        if (open) {
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                depth += (c == "(") - (c == ")")
                if (c == ")" && depth == 0) {
                    rest = substr(text, i + 1)
                    if (rest !~ /^ *(\{|\\?$)/ && !(rest ~ /^;/ && text ~ /\} while/)) print start ": no brace"
                    else if (rest ~ /^ *$/) print start ": no brace"
                    open = 0
                    break
                }
            }
        }
    }' | expect_none "if, for and while have braces"
grep -nE '[[:space:]]+$' $(product_sources) lib/store/*.sql configure.ac Makefile.in | expect_none "no white space at line ends"
cat $(product_sources) | tr '\n' ' ' | grep -oE 'XIMSS_LOG_(WARN|ERROR), *[0-9]+|XM[0-9]{4}:' | grep -oE '[0-9]{4}' |
    sort | uniq -d | expect_none "every log number stands for one message"
finish
