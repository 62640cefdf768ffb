# The session of someone who follows the README. Run by run.sh, in the bare Debian or on this machine.
# Usage: session.sh FOLDER bare|machine README
folder=$1 kind=$2 readme=$3
archive=$(echo "$folder"/prefixtune-*.tar.gz)
cd "$HOME" || exit

# What stands for the world outside.

# The release page: any address that ends in the name of an archive or a package. As curl does, to standard output unless told.
curl() {
    local argument address= output=/dev/stdout file
    while [ $# -gt 0 ]; do
        argument=$1
        shift
        case $argument in
        *://*) address=$argument ;;
        -o | --output) output=$1 && shift ;;
        --remote-name) output= ;;
        --*) ;;
        -*O*) output= ;;
        esac
    done
    case $address in
    *.tar.gz) file=$archive ;;
    *.deb) file=$(echo "$folder"/*.deb) ;;
    *) echo "$address: this block wants the network; mark it" >&2 && return 1 ;;
    esac
    cat "$file" >"${output:-${address##*/}}"
}
wget() { curl -O "${@: -1}"; }
sudo() { "$@"; }
git() { [ "$1" = clone ] && mkdir -p prefixtune; }
# What `make` builds is in the archive.
make() {
    local target
    mkdir -p "$folder/made" && tar -xzf "$archive" -C "$folder/made" --strip-components=1 || return
    for target; do
        case $target in
        build | test) ;;
        demo) "$folder/made/bin/prefixtune" demo || return ;;
        install) cp -a "$folder/made/." /usr/local/ || return ;;
        dist) mkdir -p .build/dist && cp "$archive" .build/dist/ ;;
        *=*) ;;
        *) echo "make $target: mark this block" >&2 && return 1 ;;
        esac
    done
}

squeezed() { tr -s '[:space:]' ' ' | sed 's/^ //; s/ $//'; }

if [ "$kind" = machine ]; then
    # For the blocks after those that would install it here.
    mkdir -p "$folder/installed" && tar -xzf "$archive" -C "$folder/installed" --strip-components=1
    PATH=$PATH:$folder/installed/bin
else
    apt-get -qq update >"$folder/apt.log" 2>&1 || true
fi

log=$folder/log
run=0 skipped=0
for block in "$folder"/blocks/*; do
    name=$(basename "$block")
    case $block in
    *.needs | *'*') continue ;;
    esac
    line=$((10#${name%.*}))
    at="$readme:$line"
    case $block in
    *.prints)
        while IFS= read -r expected; do
            expected=$(squeezed <<<"$expected")
            [ -z "$expected" ] || grep -qF -- "$expected" <(while IFS= read -r l; do squeezed <<<"$l"; done <"$log") || {
                echo "FAILED  $at: the block before does not print \"$expected\"; it prints:"
                tail -n 40 "$log"
                exit 1
            }
        done <"$block"
        echo "ok      $at: printed as it stands there"
        continue
        ;;
    esac
    first=$(grep -m 1 . "$block")
    if [ -e "${block%.sh}.needs" ]; then
        echo "skipped $at $(cat "${block%.sh}.needs"): $first"
        skipped=$((skipped + 1))
        continue
    elif [ "$kind" = machine ] && grep -qE '\<(sudo|apt|apt-get|dpkg|make install)\>' "$block"; then
        echo "skipped $at would change this machine: $first"
        skipped=$((skipped + 1))
        continue
    fi
    echo "        $at: $first"
    SECONDS_BEFORE=$SECONDS
    trap 'echo "FAILED  $at; its last lines:"; tail -n 40 "$log"; exit 1' EXIT
    set -e
    # In this shell, as in a terminal: folders and variables last.
    . "$block" >"$log" 2>&1
    set +e
    trap - EXIT
    echo "ok      $at ($((SECONDS - SECONDS_BEFORE)) s)"
    run=$((run + 1))
done
echo "== $run blocks done, $skipped skipped, in $SECONDS s"
[ "$run" -gt 0 ] || { echo "error: no block was run" >&2; exit 1; }
