-- pt.lua: what --help of every script says, in Portuguese.

return {
  ["usage: rnnlua %s [options]"] = "uso: rnnlua %s [opções]",
  N = "N", ["A/B/C"] = "A/B/C", PATH = "CAMINHO", FILE = "ARQUIVO", FOLDER = "PASTA", NAME = "NOME", NAMES = "NOMES",
  all = "todos",
  ["show this"] = "mostra isto",
  ["Data: "] = "Dados: ",
  ["a file or folder of data, see below (default: the public data in RNNLUA_DATA)"] =
    "um arquivo ou uma pasta de dados, veja abaixo (padrão: os dados públicos em RNNLUA_DATA)",
  ["what of data in one piece is for training, to choose by, and for the test"] =
    "de dados num só arquivo, quanto é para treinar, para escolher e para o teste",
  ["train for at most so many epochs"] = "treina por no máximo tantas épocas",
  ["seed of the random numbers"] = "semente dos números aleatórios",
  ["train every model with so many seeds, counted from --seed on, and give medians"] =
    "treina cada modelo com tantas sementes, a partir de --seed, e dá medianas",
  ["use so many processors"] = "usa tantos processadores",
  ["save the trained model there"] = "salva ali o modelo treinado",
  ["train nothing: what does the model do that --save put there?"] =
    "não treina nada: o que faz o modelo que --save guardou ali?",
  ["keep checkpoints and a report of each training there; the same command goes on"] =
    "guarda ali pontos de retomada e um relatório de cada treinamento; o mesmo comando continua",
  ["draw what came of it into an .svg or .png file"] = "desenha o resultado num arquivo .svg ou .png",
  ["write the figures to a JSON file"] = "escreve os números num arquivo JSON",
}
