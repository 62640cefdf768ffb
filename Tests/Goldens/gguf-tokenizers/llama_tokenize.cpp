// Ids of texts by llama.cpp itself, for check_with_llama.py:
//     g++ -std=c++17 -I LLAMA/include -I LLAMA/ggml/include llama_tokenize.cpp -L BUILD/bin -lllama -Wl,-rpath,BUILD/bin -o llama_tokenize
//     llama_tokenize FILE.gguf < texts > ids
// Texts and ids are preceded by their number of bytes and of ids, 32 bits; first come the ids that end a generation.
#include "llama.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

static void put(const std::vector<llama_token> & ids) {
    const uint32_t count = ids.size();
    fwrite(&count, 4, 1, stdout);
    fwrite(ids.data(), 4, count, stdout);
}

int main(int, char ** arguments) {
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    auto parameters = llama_model_default_params();
    parameters.vocab_only = true;
    auto * model = llama_model_load_from_file(arguments[1], parameters);
    if (!model) {
        return 1;
    }
    const auto * vocabulary = llama_model_get_vocab(model);
    std::vector<llama_token> ends;
    for (llama_token id = 0; id < llama_vocab_n_tokens(vocabulary); id++) {
        if (llama_vocab_is_eog(vocabulary, id)) {
            ends.push_back(id);
        }
    }
    put(ends);
    uint32_t length;
    while (fread(&length, 4, 1, stdin) == 1) {
        std::string text(length, 0);
        if (fread(text.data(), 1, length, stdin) != length) {
            return 1;
        }
        std::vector<llama_token> ids(length + 16);
        ids.resize(llama_tokenize(vocabulary, text.data(), length, ids.data(), ids.size(), false, true));
        put(ids);
    }
}
