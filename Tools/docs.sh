#!/usr/bin/env bash
# Builds the reference documentation of all library modules; a DocC warning, such as a link to nothing, is an
# error. Usage: Tools/docs.sh OUTPUT-FOLDER
#
# The symbols are read from the modules of the release build, so that documentation needs neither a build nor a package
# dependency of its own. Extension blocks are kept: what a module adds to a type of another one, such as
# `LanguageModel.generate`, is documented nowhere without them.
set -euo pipefail
cd "$(dirname "$0")/.."

output=$1
# Those that others use first: their archives resolve the links of the later ones.
modules=(Tensors Tokenizers TextMetrics Hub Reports ChatTemplates LanguageModels PrefixTuning PrefixExperiments)

for tool in docc swift-symbolgraph-extract; do
    [ -x "$(dirname "$(command -v swift)")/$tool" ] || command -v $tool >/dev/null || {
        echo "error: '$tool' is not there; it comes with the toolchains of https://www.swift.org/install" >&2
        exit 1
    }
done
docc=$(dirname "$(command -v swift)")/docc
[ -x "$docc" ] || docc=docc

swift build -c release --product prefixtune
products=$(swift build -c release --show-bin-path)
target=$(swift -print-target-info | sed -nE 's/.*"unversionedTriple": "([^"]*)".*/\1/p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

maps=()
for map in "$products"/*.build/module.modulemap Sources/*/module.modulemap Sources/*/include/module.modulemap; do
    [ -e "$map" ] && maps+=(-Xcc "-fmodule-map-file=$map")
done
dependencies=()
for module in "${modules[@]}"; do
    mkdir -p "$work/symbols/$module"
    swift symbolgraph-extract -module-name "$module" -target "$target" -I "$products/Modules" ${maps[@]+"${maps[@]}"} \
        -minimum-access-level public -skip-inherited-docs -emit-extension-block-symbols -output-dir "$work/symbols/$module"
    catalog=Sources/$module/$module.docc
    [ -d "$catalog" ] || catalog=
    "$docc" convert $catalog --enable-experimental-external-link-support \
        --fallback-display-name "$module" --fallback-bundle-identifier "prefixtune.$module" \
        --additional-symbol-graph-dir "$work/symbols/$module" --transform-for-static-hosting \
        ${dependencies[@]+"${dependencies[@]}"} --output-path "$work/$module.doccarchive" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    dependencies+=(--dependency "$work/$module.doccarchive")
done
# Not every parameter needs a sentence: a label that says all is not repeated.
awk -v RS= -v ORS='\n\n' "!/^warning: Parameter '[^']*' is missing documentation/" "$work/log" >"$work/warnings"
cat "$work/warnings"
if grep -qE '^(warning|error): ' "$work/warnings"; then
    echo "error: $(grep -cE '^(warning|error): ' "$work/warnings") DocC warnings, see above; each is an error" >&2
    exit 1
fi

# The examples of the articles must compile.
for article in Sources/*/*.docc/*.md; do
    awk '/^```swift$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$article" >"$work/example.swift"
    [ -s "$work/example.swift" ] || continue
    echo "Checking the examples of $article"
    swiftc -typecheck -parse-as-library -swift-version 6 -warnings-as-errors -I "$products/Modules" \
        ${maps[@]+"${maps[@]}"} "$work/example.swift"
done

rm -rf "$output"
mkdir -p "$(dirname "$output")"
"$docc" merge "$work"/*.doccarchive --output-path "$output"
echo "Documentation: $output. To read it: python3 -m http.server --directory $output, then http://localhost:8000/documentation"
