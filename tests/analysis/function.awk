# SPDX-License-Identifier: Apache-2.0
# Findings (check, file, line, message) with the function that the line is in: tool, check, file, function, message.
# Functions begin as clang-format lays them out: a name before a parenthesis, and a brace in the first column.
function read_functions(file,    text, count, start, line) {
    while ((getline text < file) > 0) {
        count++
        if (text == "{" && start != "") known[file, count] = start
        if (text ~ /^[A-Za-z_].*\(/ || (text ~ /^ +[A-Za-z_].*\(/ && start == "")) {
            line = text
            gsub(/__attribute__\(\([a-z_]*\)\) /, "", line)
            # NAME(fused)(...) is a name too.
            if (match(line, /NAME\([a-z_0-9]+\)\(/)) start = substr(line, RSTART, RLENGTH - 1)
            else if (match(line, /[A-Za-z_0-9]+\(/)) start = substr(line, RSTART, RLENGTH - 1)
        } else if (text == "}" || text == "") start = ""
    }
    lines[file] = count
}
{
    file = $2
    if (index(file, root) == 1) file = substr(file, length(root) + 1)
    if (!(file in lines)) read_functions(file)
    name = "-"
    for (at = $3 + 0; at > 0; at--)
        if ((file, at) in known) {
            name = known[file, at]
            break
        }
    print tool, $1, file, name, $4
}
