# Reads FILE:LINE:TEXT (code.awk) of sources in our format and prints one line a function:
#   FILE:LINE NAME lines nesting parameters
# A function's body begins and ends with a brace in the first column. Nesting counts the braces inside.

function count_commas(text,    depth, i, c, commas)
{
    depth = commas = 0
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        depth += (c == "(") - (c == ")")
        if (c == "," && depth == 1) {
            commas++
        }
    }
    return commas
}

{
    match($0, /^[^:]*:[0-9]*:/)
    place = substr($0, 1, RLENGTH - 1)
    text = substr($0, RLENGTH + 1)
}

text == "{" && head ~ /\)/ {
    inside = 1
    where = place
    lines = nesting = deepest = 0
    signature = head
    sub(/[ ]*__attribute__.*/, "", signature)
    name = signature
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    parameters = signature ~ /\((void)?\)/ ? 0 : count_commas(signature) + 1
    if (name == "START_TEST") {
        name = signature
        gsub(/.*\(|\)/, "", name)
        parameters = 0
    }
    head = ""
    next
}

inside && text == "}" {
    print where, name, lines, deepest, parameters
    inside = 0
    next
}

inside {
    lines++
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        nesting += (c == "{") - (c == "}")
        if (nesting > deepest) {
            deepest = nesting
        }
    }
    next
}

text ~ /^[A-Za-z_]/ {
    head = text
    next
}

text ~ /^[ ]/ {
    head = head text
    next
}

{
    head = ""
}
