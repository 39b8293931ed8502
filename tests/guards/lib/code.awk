# Prints C sources as FILE:LINE:TEXT without comments and without what strings and characters hold.
FNR == 1 {
    comment = 0
}
{
    text = ""
    quote = ""
    n = length($0)
    for (i = 1; i <= n; i++) {
        c = substr($0, i, 1)
        if (comment) {
            if (c == "*" && substr($0, i + 1, 1) == "/") {
                comment = 0
                i++
            }
        } else if (quote != "") {
            if (c == "\\") {
                i++
            } else if (c == quote) {
                quote = ""
                text = text c
            }
        } else if (c == "/" && substr($0, i + 1, 1) == "*") {
            comment = 1
            i++
        } else {
            if (c == "\"" || c == "'") {
                quote = c
            }
            text = text c
        }
    }
    print FILENAME ":" FNR ":" text
}
