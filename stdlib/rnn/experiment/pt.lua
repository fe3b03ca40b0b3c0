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

  -- csv = true
  ["sign in numbers, such as a comma; guessed"] = "sinal decimal dos números, por exemplo vírgula; adivinhado",
  ["between cells; guessed"] = "o que separa as células; adivinhado",
  ["such as latin1; UTF-8"] = "por exemplo latin1; UTF-8",
  ["lines that begin with this sign are left out"] = "linhas que começam com este sinal ficam de fora",
  ["cells that mean missing, such as -999: a,b"] = "células que significam ausente, por exemplo -999: a,b",
  ["the first row has values; columns are called column1, column2 ..."] =
    "a primeira linha já tem valores; as colunas se chamam column1, column2 ...",
  ["what stands between groups of three digits, such as a comma; guessed"] =
    "o que separa grupos de três dígitos, por exemplo vírgula; adivinhado",
  ["how dates are written, such as %d/%m/%Y %H:%M"] = "como as datas são escritas, por exemplo %d/%m/%Y %H:%M",
  ["where the clock stands, such as Europe/Berlin"] = "onde está o relógio, por exemplo America/Sao_Paulo",
}
