#include "sentencepiece_shim.h"

#include <sentencepiece_processor.h>

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

struct pts_model {
  sentencepiece::SentencePieceProcessor processor;
  int unknown = -1;
};

namespace {

void explain(const char *why, char *reason, size_t capacity) {
  if (reason != nullptr && capacity > 0) std::snprintf(reason, capacity, "%s", why);
}

}  // namespace

const char *pts_library(void) {
  static char path[4096];
  // The constructor of SentencePieceProcessor; its address may be taken by name only.
  void *symbol = dlsym(RTLD_DEFAULT, "_ZN13sentencepiece22SentencePieceProcessorC1Ev");
  Dl_info info;
  if (symbol == nullptr || dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return nullptr;
  return realpath(info.dli_fname, path);
}

pts_model *pts_open(const void *bytes, size_t count, char *reason, size_t capacity) {
  pts_model *model = nullptr;
  try {
    model = new pts_model;
    const auto status = model->processor.LoadFromSerializedProto(
        std::string_view(static_cast<const char *>(bytes), count));
    if (status.ok()) {
      model->unknown = model->processor.unk_id();
      return model;
    }
    explain(status.error_message(), reason, capacity);
  } catch (const std::exception &error) {
    explain(error.what(), reason, capacity);
  } catch (...) {
    explain("an unknown error", reason, capacity);
  }
  delete model;
  return nullptr;
}

void pts_close(pts_model *model) { delete model; }

int pts_encode(
    const pts_model *model, const char *text, size_t count, void *context, pts_take *take) {
  try {
    // Pieces, not ids alone: unknown text may still be the spelling of a token that was added to the vocabulary.
    sentencepiece::ImmutableSentencePieceText result;
    const auto status = model->processor.Encode(std::string_view(text, count), result.mutable_proto());
    if (!status.ok()) return -1;
    const size_t pieces = result.pieces_size();
    for (size_t index = 0; index < pieces; ++index) {
      const auto piece = result.pieces(static_cast<int>(index));
      const int identifier = static_cast<int>(piece.id());
      if (identifier == model->unknown) {
        take(context, identifier, piece.piece().data(), piece.piece().size());
      } else {
        take(context, identifier, nullptr, 0);
      }
    }
    return 0;
  } catch (...) {
    return -1;
  }
}
