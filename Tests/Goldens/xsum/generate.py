"""A tiny BART that reads text: how transformers tokenizes and cuts documents and summaries, scores them and summarises; float64.

Run: python Tests/Goldens/xsum/generate.py

The tokenizer is that of Tests/Goldens/tokenizers/roberta. All text is made up below.
"""

import json
import random
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from golden_support import write_json, write_manifest
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig, PreTrainedTokenizerFast
from transformers.models.bart.modeling_bart import shift_tokens_right

HERE = Path(__file__).resolve().parent
SEED = 20210818
START, BOS, PAD, END = 2, 0, 1, 2
LIMITS = [(512, 60), (24, 8)]
SEARCH = dict(
    num_beams=6, length_penalty=0.8, early_stopping=True, no_repeat_ngram_size=3, min_length=5, max_length=18, forced_eos_token_id=END)

WHO = ["The mayor of Elm Ohio", "A café on the river", "Two cats", "The long-distance runner O'Neill", "Über-fans of the band"]
DID = ["said on Monday that", "has denied that", "reported, after 98 miles, that", "told the press:", "insists"]
WHAT = ["the text is near the table", "prices rose by 3.5%", "nothing was lost", "\"we won 2-1\"", "the bridge is closed until 2031", "it rained"]
MARKS = [".", ".", "!", " …", ". "]


def text(source, sentences):
    return " ".join(source.choice(WHO) + " " + source.choice(DID) + " " + source.choice(WHAT) + source.choice(MARKS) for _ in range(sentences))


def examples():
    source = random.Random(SEED)
    sizes = [(40, 9), (1, 1), (2, 1), (3, 1), (60, 1), (1, 6), (5, 2), (2, 2)]
    return [{"document": text(source, a), "summary": text(source, b)} for a, b in sizes]


def load_tokenizer():
    return PreTrainedTokenizerFast(
        tokenizer_file=str(HERE.parent / "tokenizers/roberta/tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def write_model(folder, vocabulary):
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(SEED)
    model = BartForConditionalGeneration(BartConfig(
        vocab_size=vocabulary, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=520, dropout=0.0, bos_token_id=BOS, pad_token_id=PAD,
        eos_token_id=END, decoder_start_token_id=START))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if "norm" in key and key.endswith("weight") else 0.3 * noise)
        model.final_logits_bias.copy_(0.5 * torch.randn(model.final_logits_bias.shape, generator=generator))
        model.final_logits_bias[0, END] = 2.6
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def load(folder, dtype):
    model = BartForConditionalGeneration.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()
    return model


def log_probabilities(model, source, target):
    labels = torch.tensor([target])
    logits = model(input_ids=torch.tensor([source]), decoder_input_ids=shift_tokens_right(labels, PAD, START)).logits[0]
    return torch.log_softmax(logits, -1).gather(1, labels[0][:, None])[:, 0].tolist()


def summary(model, source):
    config = GenerationConfig(
        do_sample=False, decoder_start_token_id=START, bos_token_id=BOS, eos_token_id=END, pad_token_id=PAD, **SEARCH)
    ids = torch.tensor([source])
    ids = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)[0, 1:].tolist()
    return ids[: ids.index(END) + 1] if END in ids else ids


@torch.no_grad()
def main():
    tokenizer = load_tokenizer()
    folder = HERE / "model"
    write_model(folder, len(tokenizer))
    model, rough = load(folder, torch.float64), load(folder, torch.float32)
    noise = torch.Generator().manual_seed(SEED)
    for parameter in rough.parameters():
        parameter.mul_(1 + 1e-6 * torch.randn(parameter.shape, generator=noise))
    rows, cases = examples(), []
    for source_limit, target_limit in LIMITS:
        case = {"source_limit": source_limit, "target_limit": target_limit, "examples": []}
        for row in rows:
            source = tokenizer(row["document"], max_length=source_limit, truncation=True)["input_ids"]
            target = tokenizer(text_target=row["summary"], max_length=target_limit, truncation=True)["input_ids"]
            read = shift_tokens_right(torch.tensor([target]), PAD, START)[0].tolist()
            answer = summary(model, source)
            assert answer == summary(rough, source), "an answer that depends on rounding: choose another seed"
            case["examples"].append({
                "source": source, "target": target, "decoder_reads": read, "logprobs": log_probabilities(model, source, target),
                "answer": answer, "answer_text": tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False)})
        lengths = [(len(e["source"]), len(e["target"]), len(e["answer"])) for e in case["examples"]]
        print(lengths)
        assert max(a for a, _, _ in lengths) == source_limit and max(b for _, b, _ in lengths) == target_limit
        cases.append(case)
    write_json(HERE / "cases.json", {"rows": rows, "search": SEARCH, "cases": cases})
    write_manifest(HERE, SEED, {
        "model": "config.json and model.safetensors, random weights",
        "cases.json": "rows: made-up documents and summaries; cases: for two pairs of limits the ids of sources and targets as the tokenizer "
                      "cuts them, what shift_tokens_right makes the decoder read, log-probabilities of the target, and what generate "
                      "answers with the named search (ids after the decoder's start); only sources whose answers do not depend on "
                      "float32 rounding"})


if __name__ == "__main__":
    main()
