# The directive table of README.md from conf.d/ximss-reference.conf:
#   awk -f lib/tools/directive_table.awk conf.d/ximss-reference.conf
# A directive there is a block of comment lines: "# XimssName ARGUMENTS", "# Context: C. Default: D", meaning.

function flush_row() {
    if (name != "") {
        gsub(/\|/, "\\|", arguments)
        gsub(/\|/, "\\|", standard)
        sub(/ +$/, "", meaning)
        # The first sentence tells what it is; the file has the rest.
        if (match(meaning, /\.( |$)/)) {
            meaning = substr(meaning, 1, RSTART)
        }
        printf "| `%s` %s | %s | %s | %s |\n", name, arguments, context, standard, meaning
    }
    name = ""
}

BEGIN {
    print "| directive | where | default | what it is |"
    print "| --- | --- | --- | --- |"
}

/^# Ximss[A-Za-z0-9]+ / {
    flush_row()
    name = $2
    arguments = substr($0, index($0, name) + length(name) + 1)
    context = standard = meaning = ""
    next
}

name != "" && /^# Context: / {
    split(substr($0, 12), halves, /\. Default: /)
    context = halves[1]
    standard = halves[2]
    next
}

name != "" && /^# / {
    meaning = meaning substr($0, 3) " "
    next
}

{ flush_row() }

END { flush_row() }
