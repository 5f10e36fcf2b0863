#!/bin/sh
# Arrows point down only: lib/ knows no event loop, no network, no service manager and no
# clock, and each foreign library is called from the files that are there for it.
# usage: layers.sh SOURCE_DIR LIBABUSE.A
set -u
src=$1
archive=$2
passed=0
failed=0

expect_nothing() { # WHAT COMMAND...
    what=$1
    shift
    found=$("$@" 2>/dev/null)
    if [ -z "$found" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n%s\n' "$what" "$found"
    fi
}

# Files of daemon/ that include a header of PATTERN, without those allowed.
includes() { # PATTERN ALLOWED-REGEX
    grep -lE "#include *<$1" "$src"/lib/*.[ch] "$src"/daemon/*.[ch] |
        grep -vE "/daemon/($2)\.[ch]$"
}

undefined() { # REGEX
    nm -u "$archive" | grep -E " U ($1)"
}

expect_nothing "only daemon/loop.c uses libevent" includes event2/ 'loop'
expect_nothing "only daemon/fetch.c and deliver.c use libcurl" includes curl/ 'fetch|deliver'
expect_nothing "only the journal, the log and the notifications use libsystemd" \
    includes systemd/ 'journal|journal-entry|journal-files|log|notify|mtalog'
expect_nothing "lib/ includes nothing of daemon/" \
    grep -nE '#include *"(\.\./)?daemon/' "$src"/lib/*.c "$src"/lib/*.h
expect_nothing "lib/ links no event loop, no curl, no libsystemd" \
    undefined 'event_|evutil_|evbuffer_|curl_|sd_'
expect_nothing "lib/ asks no clock and writes no log" \
    undefined '(time|gettimeofday|clock_gettime|syslog|printf|puts|__printf_chk|perror)$'
expect_nothing "lib/ opens no network" undefined '(socket|connect|getaddrinfo|gethostbyname)$'
for header in "$src"/daemon/*.h; do
    name=$(basename "$header")
    expect_nothing "lib/ does not know daemon/$name" \
        sh -c "[ ! -e '$src/lib/$name' ] && grep -n '#include \"$name\"' '$src'/lib/*.[ch]"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
