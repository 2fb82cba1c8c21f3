"""Embeds documents with a small sentence encoder, made from its configuration, and answers queries from them."""

import random
import sys
import tempfile

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

WORDS = ["[PAD]", "[UNK]", *(f"word{number}" for number in range(500))]


def encoder(folder: str) -> SentenceTransformer:
    tokens = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=128, num_hidden_layers=2, num_attention_heads=4, intermediate_size=512
    )
    BertModel(config).save_pretrained(folder)
    return SentenceTransformer(modules=[Transformer(folder), Pooling(config.hidden_size)])


def index(model: SentenceTransformer, documents: list[str]) -> torch.Tensor:
    vectors = []
    for document in documents:
        vectors.append(model.encode(document, convert_to_tensor=True))
    return torch.nn.functional.normalize(torch.stack(vectors))


random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)
count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
documents = [" ".join(random.choices(WORDS[2:], k=random.randint(10, 30))) for _ in range(count)]
with tempfile.TemporaryDirectory() as folder:
    model = encoder(folder)
vectors = index(model, documents)
for query in documents[:5]:
    best = (vectors @ index(model, [query])[0]).topk(1)
    print(f"{query[:30]!r}: document {best.indices.item()}")
