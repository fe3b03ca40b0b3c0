-- pt.lua: what --help of the scripts of this folder says, in Portuguese, where LC_ALL, LC_MESSAGES or LANG ask for it.

return {
  -- in several scripts
  ["units of the GRU"] = "unidades da GRU",
  ["units of the LSTM"] = "unidades da LSTM",
  ["units of the layer"] = "unidades da camada",
  ["units of the recurrent layers"] = "unidades das camadas recorrentes",
  ["units in a layer"] = "unidades de cada camada",
  ["units in each direction"] = "unidades em cada direção",
  ["units in each direction and layer"] = "unidades em cada direção e camada",
  ["units of each direction of each GRU layer"] = "unidades de cada direção de cada camada GRU",
  ["learning rate"] = "taxa de aprendizado",
  ["learning rate of Adam"] = "taxa de aprendizado do Adam",
  ["highest learning rate"] = "maior taxa de aprendizado",
  ["highest learning rate of Adam"] = "maior taxa de aprendizado do Adam",
  ["dropout between layers"] = "dropout entre camadas",
  ["share of the features dropped in training"] = "parte das características descartada no treinamento",
  ["train these"] = "treina estes",
  ["train these; one only with --save and --evaluate"] = "treina estes; só um com --save e --evaluate",
  ["clip gradients to this norm"] = "recorta gradientes a esta norma",
  ["clip gradients to this norm; 0: not at all"] = "recorta gradientes a esta norma; 0: não recorta",
  ["the column to forecast"] = "a coluna a prever",
  ["networks whose forecasts are averaged"] = "redes de cujas previsões se tira a média",

  -- adding.lua
  ["The adding problem: which cells learn to add two numbers far apart?"] =
    "O problema da soma: quais células aprendem a somar dois números distantes?",
  ["batches of 50 sequences in an epoch"] = "lotes de 50 sequências em cada época",
  ["steps in a sequence"] = "passos de cada sequência",
  ["watch the gradients, and draw how they flow back through time here: .svg or .png"] =
    "observa os gradientes e desenha aqui como voltam no tempo: .svg ou .png",

  -- behaviour.lua
  ["Predicts the next event of a help desk's tickets, or another log, and when."] =
    "Prevê o próximo evento dos chamados de um suporte, ou de outro registro, e quando.",
  ["weight of the end of a case in the loss, where an activity has 1"] =
    "peso do fim de um caso na função de custo; uma atividade tem 1",
  ["the column of cases"] = "a coluna dos casos",
  ["the column of what happens"] = "a coluna do que acontece",
  ["the column of when"] = "a coluna de quando",
  [ [[
a CSV file with a row for each event, whose columns (also --case, --activity, --time) are
case,activity,time
17,pay,2024-02-29 17:05:00]] ] = [[
um arquivo CSV com uma linha para cada evento, cujas colunas (ou --case, --activity, --time) são
case,activity,time
17,pay,2024-02-29 17:05:00]],

  -- caption.lua
  ["Writes captions for pictures."] = "Escreve legendas de imagens.",
  ["hypotheses of the beam search"] = "hipóteses da busca em feixe",
  [ [[
a folder with train-layouts.tsv and train-captions.tsv, dev-... and test-..., or layouts.tsv and
captions.tsv: picture<TAB>width<TAB>height<TAB>class:x,y,w,h class:...    and    picture<TAB>caption
or images.idx4-ubyte and captions.tsv: number from 0<TAB>train, dev or test<TAB>...<TAB>caption]] ] = [[
uma pasta com train-layouts.tsv e train-captions.tsv, dev-... e test-..., ou layouts.tsv e
captions.tsv: imagem<TAB>largura<TAB>altura<TAB>classe:x,y,w,h classe:...    e    imagem<TAB>legenda
ou images.idx4-ubyte e captions.tsv: número desde 0<TAB>train, dev ou test<TAB>...<TAB>legenda]],

  -- cells.lua
  ["Trains cells of rnn.cells on three tasks, and measures how far back they look."] =
    "Treina células de rnn.cells em três tarefas e mede até onde olham para trás.",
  ["batches of 50 in an epoch of the first two tasks"] = "lotes de 50 numa época das duas primeiras tarefas",
  ["on these"] = "nestas",
  ["steps of adding"] = "passos da soma",
  ["blanks of copy"] = "espaços da cópia",
  ["units of the cell"] = "unidades da célula",
  [ [[
for the task ridership this very file is needed; scripts/ridership.lua takes others
service_date,day_type,bus,rail_boardings,total_rides
01/01/2001,U,297192,126455,423647]] ] = [[
para a tarefa ridership é preciso este mesmo arquivo; scripts/ridership.lua aceita outros
service_date,day_type,bus,rail_boardings,total_rides
01/01/2001,U,297192,126455,423647]],

  -- char_lm.lua
  ["Learns to write like Shakespeare, or as another text does, one character at a time."] =
    "Aprende a escrever como Shakespeare, ou como outro texto, um caractere por vez.",
  ["share of the GRU's outputs dropped in training"] = "parte das saídas da GRU descartada no treinamento",
  ["what the model's texts begin with (default: ROMEO:, or as the text does)"] =
    "como começam os textos do modelo (padrão: ROMEO:, ou como o texto)",
  [ [[
a text file in UTF-8 in any language, from which what comes last is held back as --split says,
or a folder with train.txt and dev.txt, and maybe test.txt;
at least a few thousand characters]] ] = [[
um arquivo de texto em UTF-8, em qualquer língua, cujo fim é reservado como --split diz,
ou uma pasta com train.txt e dev.txt, e talvez test.txt;
pelo menos alguns milhares de caracteres]],

  -- chorales.lua
  ["Learns Bach's chorales, or other music in equally many voices, and composes a piece."] =
    "Aprende os corais de Bach, ou outra música com igual número de vozes, e compõe uma peça.",
  ["epochs of the model of notes, at most as many as --epochs"] = "épocas do modelo de notas, no máximo as de --epochs",
  ["how daring the composer is"] = "a ousadia do compositor",
  ["the sound of the chorale"] = "o som do coral",
  ["its notes"] = "suas notas",
  [ [[
a folder with train/, valid/ and test/, or of CSV files, one a piece, with a row for each step:
soprano,bass    (a heading, then the MIDI number of each voice, 0 for silence; one to nine voices)
67,48           (beside them, or alone, pianoroll/train.txt ...: all MIDI numbers of a chord)]] ] = [[
uma pasta com train/, valid/ e test/, ou de arquivos CSV, um por peça, uma linha para cada passo:
soprano,bass    (um cabeçalho, depois o número MIDI de cada voz, 0 é silêncio; de uma a nove vozes)
67,48           (ao lado, ou só eles, pianoroll/train.txt ...: todos os números MIDI de um acorde)]],

  -- copy.lua
  ["The copying memory task: simple RNN, LSTM and GRU repeat ten symbols after many blanks."] =
    "A tarefa de cópia: RNN simples, LSTM e GRU repetem dez símbolos depois de muitos espaços.",
  ["batches of 25 sequences in an epoch"] = "lotes de 25 sequências em cada época",
  ["blanks between the symbols and their repetition"] = "espaços entre os símbolos e a repetição deles",

  -- digit_strings.lua
  ["Recognises strings of spoken digits, or of other words, by CTC."] =
    "Reconhece sequências de dígitos falados, ou de outras palavras, com CTC.",
  ["strings of an epoch; a third as many for validation, two thirds for the test"] =
    "sequências de uma época; um terço disso para a validação, dois terços para o teste",
  [ [[
a folder of WAV files WORD_SPEAKER_NUMBER.wav, ten numbers or more of each word and speaker:
recordings/7_jackson_12.wav    (numbers from 0; 0 to 4 are the test, 5 to 9 validation)]] ] = [[
uma pasta de arquivos WAV PALAVRA_FALANTE_NÚMERO.wav, dez números ou mais de cada palavra e falante:
recordings/7_jackson_12.wav    (números desde 0; de 0 a 4 são o teste, de 5 a 9 a validação)]],

  -- digits.lua
  ["Recognises spoken digits, or other words, of known and of unknown speakers."] =
    "Reconhece dígitos falados, ou outras palavras, de falantes conhecidos e desconhecidos.",
  [ [[
a folder with a folder of WAV files for each word, SPEAKER_NUMBER.wav or any name:
words/yes/ann_1.wav    (or words/yes_ann_1.wav; with parts: words/train/yes/ann_1.wav)
words/no/ann_1.wav     (without, and with more than ten speakers, each is in one part only)]] ] = [[
uma pasta com uma pasta de arquivos WAV para cada palavra, FALANTE_NÚMERO.wav ou qualquer nome:
words/yes/ann_1.wav    (ou words/yes_ann_1.wav; com partes: words/train/yes/ann_1.wav)
words/no/ann_1.wav     (sem elas, com mais de dez falantes, cada um fica numa só parte)]],

  -- draw.lua
  ["Draws handwritten digits, or other signs, stroke by stroke, from class and writer."] =
    "Desenha dígitos manuscritos, ou outros sinais, traço a traço, a partir da classe e de quem escreve.",
  ["the share of steps that are told where the pen really was"] =
    "a parte dos passos que fica sabendo onde a caneta estava de fato",
  [ [[
train.tsv (with dev.tsv, if there is one) and test.tsv, or one file
label<TAB>writer<TAB>strokes    (or label<TAB>strokes)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., a | between strokes)]] ] = [[
train.tsv (com dev.tsv, se houver) e test.tsv, ou um só arquivo
rótulo<TAB>autor<TAB>traços    (ou rótulo<TAB>traços)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., um | entre traços)]],

  -- forecast.lua
  ["Forecasts generated time series, or those of --data, one step ahead."] =
    "Prevê séries temporais geradas, ou as de --data, um passo à frente.",
  [ [[
a CSV file with a heading, and no gaps: date,number,number, a series a column;
or name,date,number; or name,number,number ..., a series a row
2024-02-26,17,203.5]] ] = [[
um arquivo CSV com cabeçalho e sem lacunas: data,número,número, uma série por coluna;
ou nome,data,número; ou nome,número,número ..., uma série por linha
2024-02-26,17,203.5]],

  -- handwriting.lua
  ["Recognises handwritten digits, or other signs, from pen strokes."] =
    "Reconhece dígitos manuscritos, ou outros sinais, pelos traços da caneta.",
  [ [[
train.tsv, dev.tsv (or writers are set aside) and test.tsv, or one file
label<TAB>writer<TAB>strokes    (or label<TAB>strokes)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., a | between strokes)]] ] = [[
train.tsv, dev.tsv (ou alguns autores são reservados) e test.tsv, ou um só arquivo
rótulo<TAB>autor<TAB>traços    (ou rótulo<TAB>traços)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., um | entre traços)]],

  -- m4_hourly.lua
  ["Forecasts the 414 hourly series of the M4 competition, or others, with one GRU."] =
    "Prevê as 414 séries horárias da competição M4, ou outras, com uma só GRU.",
  ["of several pairs of files, those with this in their names"] =
    "de vários pares de arquivos, os que têm isto no nome",
  ["values to foretell; 0: as many as the test file has"] =
    "valores a prever; 0: tantos quantos há no arquivo de teste",
  ["values that the network reads at a step; 0: by the kind of series, hourly 24"] =
    "valores que a rede lê a cada passo; 0: conforme o tipo da série, horária 24",
  ["a series resembles itself after so many; 0: by its kind, 168 of hourly ones"] =
    "depois de quantos a série se repete; 0: conforme o tipo, horária 168",
  ["steps that it reads; 0: as many as make two weeks"] = "passos que ela lê; 0: os de duas semanas",
  [ [[
NAME-train.csv and NAME-test.csv, which goes on from it, or one CSV file, all with a heading:
name,number,number ...    a row for each series; or date,number,number: a column for each
2024-02-26,17,203.5       (or name,date,number); numbers above 0, the same dates for all]] ] = [[
NOME-train.csv e NOME-test.csv, que o continua, ou um só arquivo CSV, todos com cabeçalho:
nome,número,número ...    uma linha por série; ou data,número,número: uma coluna por série
2024-02-26,17,203.5       (ou nome,data,número); números acima de 0, as mesmas datas para todas]],

  -- own_csv.lua
  ["Forecasts a column of a CSV file: own_csv.lua FILE --target COLUMN."] =
    "Prevê uma coluna de um arquivo CSV: own_csv.lua ARQUIVO --target COLUNA.",
  ["a column that says which of several series a row belongs to"] =
    "uma coluna que diz a qual de várias séries a linha pertence",
  ["steps to forecast; 0: by the step, a day of hours, a week of days"] =
    "passos a prever; 0: conforme o passo, um dia de horas, uma semana de dias",
  ["steps that a forecast is made from; 0: by the step"] = "passos de que se faz uma previsão; 0: conforme o passo",
  ["columns that are known in advance, such as a holiday: a,b (none: none)"] =
    "colunas que se conhecem com antecedência, por exemplo um feriado: a,b (none: nenhuma)",
  ["columns that are left out: a,b"] = "colunas que ficam de fora: a,b",
  ["the span to measure on: FROM or FROM..TO, such as 2024-01..2024-06"] =
    "o período em que se mede: DE ou DE..ATÉ, por exemplo 2024-01..2024-06",
  ["percent of the values that shall lie within"] = "por cento dos valores que devem ficar dentro do intervalo",
  ["of time, such as 1h or 1d, to which rows are brought by their means"] =
    "de tempo, por exemplo 1h ou 1d, a que as linhas são levadas por suas médias",
  ["of training, at most"] = "de treinamento, no máximo",
  [ [[
a CSV file with a heading, a row for each hour, day, week ..., and a column of dates or times:
date,sold,visits,weather
2024-02-26,17,203.5,rain]] ] = [[
um arquivo CSV com cabeçalho, uma linha para cada hora, dia, semana ..., e uma coluna de datas ou horas:
data,vendas,visitas,tempo
2024-02-26,17,203.5,chuva]],

  -- reservoir.lua
  ["Forecasts a chaotic series and Chicago's riders with echo state networks."] =
    "Prevê uma série caótica e os passageiros de Chicago com redes de estado de eco.",
  ["forecast these"] = "prevê estas",
  ["units of the reservoir"] = "unidades do reservatório",
  [ [[
for the series ridership this very file is needed; scripts/ridership.lua takes others
service_date,day_type,bus,rail_boardings,total_rides
01/01/2001,U,297192,126455,423647]] ] = [[
para a série ridership é preciso este mesmo arquivo; scripts/ridership.lua aceita outros
service_date,day_type,bus,rail_boardings,total_rides
01/01/2001,U,297192,126455,423647]],

  -- ridership.lua
  ["Forecasts Chicago's daily boardings, or another series, with recurrent networks."] =
    "Prevê os embarques diários de Chicago, ou outra série, com redes recorrentes.",
  ["the column of dates"] = "a coluna das datas",
  ["a column of numbers beside it"] = "uma coluna de números ao lado dela",
  ["a column of words, of which tomorrow's is told (default: the weekday or month)"] =
    "uma coluna de palavras, das quais a de amanhã é dada (padrão: o dia da semana ou o mês)",
  [ [[
a CSV file with a heading and a row for each day, week or month; --date, --target, --other and
--kind name the columns (else the first date, two numbers and words, if there are any):
date,sold,visits,weather]] ] = [[
um arquivo CSV com cabeçalho e uma linha para cada dia, semana ou mês; --date, --target, --other e
--kind dizem as colunas (senão, a primeira data, dois números e palavras, se houver):
data,vendas,visitas,tempo]],

  -- sentiment.lua
  ["Tells positive from negative sentences of film reviews, or other labels of phrases."] =
    "Distingue frases positivas e negativas de críticas de filmes, ou outros rótulos de frases.",
  ["a sentence to be judged"] = "uma frase a ser julgada",
  [ [[
train.tsv, dev.tsv and test.tsv, or one file, which may say in a column part what a row is for
label<TAB>text    (or label<TAB>part<TAB>text; part: train, dev or test)
glad<TAB>what a day !]] ] = [[
train.tsv, dev.tsv e test.tsv, ou um só arquivo, que pode dizer numa coluna part para que serve a linha
rótulo<TAB>texto    (ou rótulo<TAB>part<TAB>texto; part: train, dev ou test)
alegre<TAB>que dia !]],

  -- synthesis.lua
  ["Writes digits, or other signs, by drawing every move of the pen from what it has seen."] =
    "Escreve dígitos, ou outros sinais, sorteando cada movimento da caneta a partir do que viu.",
  ["neatness: with 0 it writes as differently as people do"] =
    "capricho: com 0 escreve tão diferente quanto as pessoas",
  ["how many of each sign it writes"] = "quantos de cada sinal ele escreve",
  ["the file of what it writes, for --data"] = "o arquivo do que ele escreve, para --data",
  [ [[
train.tsv, dev.tsv (or a part of train.tsv is taken) and test.tsv, or one file
label<TAB>writer<TAB>strokes    (or label<TAB>strokes)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., a | between strokes)]] ] = [[
train.tsv, dev.tsv (ou se toma uma parte de train.tsv) e test.tsv, ou um só arquivo
rótulo<TAB>autor<TAB>traços    (ou rótulo<TAB>traços)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., um | entre traços)]],

  -- translate.lua
  ["Translates between two languages with an encoder, attention and a decoder."] =
    "Traduz entre duas línguas com um codificador, atenção e um decodificador.",
  ["such as pt-en (default: from the first column to the second, en-pt)"] =
    "por exemplo pt-en (padrão: da primeira coluna para a segunda, en-pt)",
  ["ids of each vocabulary: words and parts of words"] = "ids de cada vocabulário: palavras e partes de palavras",
  ["share of elements dropped in training"] = "parte dos elementos descartada no treinamento",
  ["translations that the search keeps in sight"] = "traduções que a busca mantém à vista",
  [ [[
a folder such as my-de-en with train.tsv, dev.tsv and test.tsv, or one file such as de-en.tsv
sentence<TAB>its translation    (or files in twos, train.de and train.en, a line for a line)
Guten Morgen.<TAB>Good morning.]] ] = [[
uma pasta como my-de-en com train.tsv, dev.tsv e test.tsv, ou um só arquivo como de-en.tsv
frase<TAB>sua tradução    (ou arquivos aos pares, train.de e train.en, linha por linha)
Guten Morgen.<TAB>Bom dia.]],
}
