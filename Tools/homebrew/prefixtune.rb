# Untested: written without a Mac. From a clone, `brew install --HEAD --formula Tools/homebrew/prefixtune.rb` builds what is committed
# in the folder that HOMEBREW_PREFIXTUNE_CLONE names. With a release, `url` and `sha256` of its source archive take the place of `head`.
class Prefixtune < Formula
  desc "Prefix-tuning for frozen language models"
  homepage "https://arxiv.org/abs/2101.00190"
  license "Apache-2.0"
  head "file://#{ENV.fetch("HOMEBREW_PREFIXTUNE_CLONE", Dir.pwd)}", using: :git, branch: "main"

  depends_on xcode: ["16.3", :build]
  depends_on macos: :sequoia
  depends_on "oniguruma"
  depends_on "onednn"
  depends_on "sentencepiece"

  uses_from_macos "python" => :build
  uses_from_macos "zlib"

  def install
    ENV["PREFIXTUNE_COMMIT"] = Utils.git_short_head.to_s
    ENV.append_path "CPATH", HOMEBREW_PREFIX/"include"
    ENV.append_path "LIBRARY_PATH", HOMEBREW_PREFIX/"lib"
    # SwiftPM's own sandbox cannot run within Homebrew's.
    system "swift", "build", "--disable-sandbox", "-c", "release", "--product", "prefixtune"
    system "bash", "Tools/install.sh", prefix
  end

  test do
    assert_match(/^\d+\.\d+\.\d+/, shell_output("#{bin}/prefixtune --version"))
    # The embedded model is found.
    assert_match "GPT-2", shell_output("#{bin}/prefixtune inspect #{libexec}/prefixtune/*.bundle/Resources/base-model")
  end
end
