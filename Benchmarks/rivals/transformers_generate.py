"""Prefill and decoding by transformers' generate, timed; with a random prefix of PEFT where --prefix-length is above 0."""

from common import END_ID, limit_threads
from generation import measure, parse, prompts

options = parse(__doc__, prefix_length=dict(type=int, default=0), compile=dict(action="store_true"))
limit_threads(options.threads)

import torch
import transformers
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
if options.prefix_length:
    from peft import PrefixTuningConfig, get_peft_model

    model = get_peft_model(
        model, PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=options.prefix_length)).eval()
ids = torch.tensor(prompts(options))


def generate(count):
    with torch.inference_mode():
        output = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=options.beams,
            min_new_tokens=count, max_new_tokens=count, eos_token_id=END_ID, pad_token_id=END_ID)
    assert output.shape[1] == options.prompt_length + count


measure(options, generate, f"transformers {transformers.__version__}, torch {torch.__version__}")
