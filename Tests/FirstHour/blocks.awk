# Writes each shell block of a README to folder/LINE.sh, its mark to LINE.needs; a block of output to LINE.prints. LINE, of five digits,
# is the number of the block's first line.

/^```/ && file != "" { close(file); file = ""; mark = ""; next }
/^```/ && other { other = 0; mark = ""; next }
file != "" { print > file; next }
other { next }

/^<!-- first-hour: .* -->$/ {
    mark = $0
    gsub(/^<!-- first-hour: | -->$/, "", mark)
    next
}
/^```(sh|bash|shell)$/ {
    file = sprintf("%s/%05d.sh", folder, NR + 1)
    printf "" > file
    if (mark ~ /^needs /) {
        needs = sprintf("%s/%05d.needs", folder, NR + 1)
        print mark > needs
        close(needs)
    }
    next
}
/^```/ {
    if (mark == "prints") {
        file = sprintf("%s/%05d.prints", folder, NR + 1)
        printf "" > file
    } else {
        other = 1
    }
    next
}
NF { mark = "" }
