---@meta rnn
-- luacheck: ignore

-- What is made in C, for editors and for help. Made by docs/generate.lua from the comments in bindings/ and the
-- texts of the ops in core/ops/: change those.

---@class rnn
---@field Average rnn.Average
---@field CSVLog rnn.CSVLog
---@field EarlyStopping rnn.EarlyStopping
---@field Ensemble rnn.Ensemble
---@field Forecaster rnn.Forecaster
---@field ModelCheckpoint rnn.ModelCheckpoint
---@field TimeLimit rnn.TimeLimit
---@field args fun(spec: table): table
---@field bilinear fun(x1: rnn.Tensor, x2: rnn.Tensor, weight: rnn.Tensor, bias?: rnn.Tensor): rnn.Tensor
---@field cell_check fun(cell: nn.Cell|table, options?: rnn.cell_check.Options): boolean
---@field chunk fun(x: rnn.Tensor, axis: integer, count: integer): rnn.Tensor[]
---@field clip_grad_norm fun()
---@field clip_grad_value fun()
---@field cosine_similarity fun(x1: rnn.Tensor, x2: rnn.Tensor, axis?: integer): rnn.Tensor
---@field diff fun(x: rnn.Tensor, axis?: integer): rnn.Tensor
---@field dot fun(a: rnn.Tensor, b: rnn.Tensor): rnn.Tensor
---@field einsum fun(equation: string, ...): rnn.Tensor
---@field evaluate fun(model: nn.Module, data: data.Windows|data.Arrays|data.Batches|function, options?: rnn.evaluate.Options): table<string, number>
---@field experiment rnn.Experiment
---@field export_c fun(model: nn.Module, path: string, options?: rnn.export_c.Options): { const: integer, ram: integer, macs: integer }|nil, string?, string?
---@field export_keras_weights fun(model: nn.Module, path: string, options?: rnn.export_keras_weights.Options): string|nil, string?, string?
---@field export_torch_state fun(model: nn.Module, path: string): string|nil, string?, string?
---@field find_lr fun(model: nn.Module, options: rnn.find_lr.Options): rnn.RateRange
---@field fit fun(model: nn.Module, options: rnn.fit.Options): rnn.History
---@field flatten fun(x: rnn.Tensor, first?: integer, last?: integer): rnn.Tensor
---@field forecast_report fun(options: rnn.forecast_report.Options): rnn.ForecastReport
---@field gradcheck fun(f: fun(...): any, inputs: rnn.Tensor|any[], options?: rnn.gradcheck.Options): boolean
---@field hvp fun(f: fun(...): rnn.Tensor, inputs: rnn.Tensor|rnn.Tensor[], v: rnn.Tensor|rnn.Tensor[]): rnn.Tensor|rnn.Tensor[]
---@field lerp fun(a: rnn.Tensor, b: rnn.Tensor, weight: rnn.Tensor|number): rnn.Tensor
---@field load fun(path: string, model?: nn.Module|rnn.load.Options): nn.Module|nil, table|string|nil, string?
---@field load_forecaster fun(path: string, options?: rnn.load_forecaster.Options): rnn.Forecaster|nil, string?, string?
---@field masked_fill fun(x: rnn.Tensor, mask: rnn.Tensor, value: number): rnn.Tensor
---@field meshgrid fun(...): rnn.Tensor
---@field monitor rnn.Monitor
---@field null userdata
---@field outer fun(x: rnn.Tensor, y: rnn.Tensor): rnn.Tensor
---@field padded fun(sequences: table, type?: "float"|"int32"): rnn.Tensor
---@field precision fun(name?: "float"|"bf16", f?: function|nn.Module, ...): any
---@field predict fun(model: nn.Module, x: rnn.Tensor|table|function|data.Windows|data.Arrays|data.Sequences|data.Batches, options?: rnn.predict.Options): rnn.Tensor|table
---@field quantise fun(model: nn.Module, options?: rnn.quantise.Options): { quantised: string[], left: string[], bytes: integer, bytes_before: integer, before?: table, after?: table }
---@field results rnn.Results
---@field sanitized boolean
---@field save fun(path: string, model: nn.Module, extra?: table): true|nil, string?, string?
---@field split fun(x: rnn.Tensor, axis: integer, sizes: integer|integer[]|{ size: integer }): rnn.Tensor[]
---@field stft fun(x: rnn.Tensor, window: integer|rnn.Tensor, hop: integer, fft?: integer): rnn.Tensor
---@field unfold fun(x: rnn.Tensor, axis: integer, size: integer, step?: integer): rnn.Tensor
---@field version string
---@field audio rnn.audio
---@field augment rnn.augment
---@field baselines rnn.baselines
---@field cells rnn.cells
---@field ctc rnn.ctc
---@field data rnn.data
---@field decode rnn.decode
---@field dist rnn.dist
---@field doc rnn.doc
---@field linalg rnn.linalg
---@field logs rnn.logs
---@field metrics rnn.metrics
---@field music rnn.music
---@field nn rnn.nn
---@field onnx rnn.onnx
---@field optim rnn.optim
---@field plot rnn.plot
---@field strokes rnn.strokes
---@field text rnn.text
local rnn = {}

---@class rnn.audio
---@field cmvn fun(features: rnn.Tensor[], speakers?: any[]): rnn.Tensor[]
---@field deltas fun(x: rnn.Tensor, options?: audio.deltas.Options): rnn.Tensor
---@field log_mel fun(x: rnn.Tensor, options: audio.log_mel.Options): rnn.Tensor
---@field mfcc fun(x: rnn.Tensor, options: audio.mfcc.Options): rnn.Tensor
---@field read fun(path: string, options?: audio.read.Options): rnn.Tensor?, number|string, string?
---@field resample fun(x: rnn.Tensor, from: number, to: number): rnn.Tensor
---@field write fun(path: string, samples: rnn.Tensor, rate: integer): true?, string?, string?

---@class rnn.augment
---@field bpe fun(vocab: text.Bpe, rate: number): fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
---@field series fun(options?: augment.series.Options): fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
---@field sound fun(options?: augment.sound.Options): fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
---@field spectrum fun(options?: augment.spectrum.Options): fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
---@field strokes fun(options?: augment.strokes.Options): fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
---@field transpose fun(options?: augment.transpose.Options): fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
---@field words fun(rate: number, unknown?: integer): fun(x: rnn.Tensor, y?: any): rnn.Tensor, any

---@class rnn.baselines
---@field drift fun(history: rnn.Tensor, horizon: integer, season?: integer): rnn.Tensor
---@field last fun(history: rnn.Tensor, horizon: integer, season?: integer): rnn.Tensor
---@field naive2 fun(history: rnn.Tensor, horizon: integer, season?: integer): rnn.Tensor
---@field seasonal fun(history: rnn.Tensor, horizon: integer, season?: integer): rnn.Tensor
---@field smoothing fun(history: rnn.Tensor, horizon: integer, season?: integer): rnn.Tensor
---@field theta fun(history: rnn.Tensor, horizon: integer, season?: integer): rnn.Tensor

---@class rnn.cells
---@field Antisymmetric cells.Antisymmetric
---@field Attention cells.Attention
---@field CFN cells.CFN
---@field Clockwork cells.Clockwork
---@field Elman cells.Elman
---@field GRU cells.GRU
---@field GRUD cells.GRUD
---@field IRNN cells.IRNN
---@field IndRNN cells.IndRNN
---@field JANET cells.JANET
---@field Jordan cells.Jordan
---@field LMU cells.LMU
---@field LRU cells.LRU
---@field LSTM cells.LSTM
---@field MGU cells.MGU
---@field Mogrifier cells.Mogrifier
---@field PhasedLSTM cells.PhasedLSTM
---@field QRNN cells.QRNN
---@field RHN cells.RHN
---@field RWKV cells.RWKV
---@field SRU cells.SRU
---@field UGRNN cells.UGRNN
---@field minGRU cells.minGRU
---@field minLSTM cells.minLSTM
---@field sLSTM cells.sLSTM

---@class rnn.ctc
---@field beam fun(logits: rnn.Tensor, options?: ctc.beam.Options): integer[][], number[]
---@field greedy fun(logits: rnn.Tensor, options?: ctc.greedy.Options): integer[][]
---@field loss fun(logits: rnn.Tensor, labels: rnn.Tensor, options?: ctc.loss.Options): rnn.Tensor

---@class rnn.data
---@field Encoder data.Encoder
---@field Frame data.Frame
---@field PCA data.PCA
---@field Scaler data.Scaler
---@field arrays data.Arrays
---@field augment fun(batches: data.Batches, ...): table
---@field classes fun(labels: any[], key?: string): string[], table<string, integer>
---@field csv fun(path: string, options?: data.csv.Options): data.Frame?, string?, string?
---@field csv_stream fun(path: string, options?: data.csv_stream.Options): fun(): data.Frame?, string?, string?
---@field files fun(folder: string): string[]?, string?
---@field find fun(folder: string, file: string, options?: data.find.Options): string?, boolean|string|nil
---@field idx fun(path: string): rnn.Tensor?, string?
---@field keep fun(where: string, what: string, list: any[], test: fun(entry: any): any, string?): any[]?, string?
---@field lines fun(path: string, what: string, read: fun(line: string): any, options?: data.lines.Options): any[]?, string?
---@field map fun(batches: data.Batches|table, f: fun(x: rnn.Tensor|table, y?: rnn.Tensor|table, weights?: rnn.Tensor|table): any, any, any): table
---@field open fun(path: string): rnn.Tensor|table<string, rnn.Tensor>|nil, string?, string?
---@field packed fun(rows: rnn.Tensor, lengths: rnn.Tensor|integer[]): table
---@field sequences data.Sequences
---@field spool fun(path: string, next: fun(): rnn.Tensor?): rnn.Tensor?, string?, string?
---@field spool_text fun(path: string, vocab: text.Vocab, into: string): rnn.Tensor?, string?, string?
---@field tokens data.Tokens
---@field windows data.Windows

---@class rnn.decode
---@field generate fun(options: decode.generate.Options): integer[][], number[], table[]
---@field sample fun(logits: rnn.Tensor, options?: decode.sample.Options): rnn.Tensor

---@class rnn.dist
---@field gather fun(value: any): any[]
---@field gradients fun(model: nn.Module, weight?: number)
---@field rank number
---@field shards fun(model: nn.Module, x: rnn.Tensor|table, y?: rnn.Tensor|table, weights?: rnn.Tensor|table, count?: integer): fun(): any, any, any
---@field size number

---@class rnn.doc
---@field declaration fun(name: string): table?
---@field entry fun(name: string): { name: string, signature: string, text: string, params: table[], returns: table[], fields: table[] }?
---@field fill fun(text: string, width: integer): string
---@field is_public fun(name: string): boolean
---@field lookup fun(name: string): string?
---@field names fun(): string[]
---@field options fun(name: string): string[]
---@field text fun(entry: table, width?: integer): string
---@field values fun(name: string, wanted: string): string[]

---@class rnn.linalg
---@field cholesky fun(a: rnn.Tensor): rnn.Tensor
---@field cond fun(a: rnn.Tensor): rnn.Tensor
---@field det fun(a: rnn.Tensor): rnn.Tensor
---@field eig fun(a: rnn.Tensor): rnn.Tensor, rnn.Tensor
---@field eigh fun(a: rnn.Tensor): rnn.Tensor, rnn.Tensor
---@field eigvals fun(a: rnn.Tensor): rnn.Tensor
---@field inv fun(a: rnn.Tensor): rnn.Tensor
---@field logdet fun(a: rnn.Tensor): rnn.Tensor
---@field lstsq fun(a: rnn.Tensor, b: rnn.Tensor): rnn.Tensor, rnn.Tensor
---@field matrix_rank fun(a: rnn.Tensor, options?: linalg.matrix_rank.Options): rnn.Tensor
---@field norm fun(a: rnn.Tensor, order?: "fro"|"nuc"|number): rnn.Tensor
---@field pinv fun(a: rnn.Tensor): rnn.Tensor
---@field qr fun(a: rnn.Tensor): rnn.Tensor, rnn.Tensor
---@field slogdet fun(a: rnn.Tensor): rnn.Tensor, rnn.Tensor
---@field solve fun(a: rnn.Tensor, b: rnn.Tensor): rnn.Tensor
---@field solve_triangular fun(a: rnn.Tensor, b: rnn.Tensor, options?: linalg.solve_triangular.Options): rnn.Tensor
---@field spectral_radius fun(a: rnn.Tensor): rnn.Tensor
---@field svd fun(a: rnn.Tensor): rnn.Tensor, rnn.Tensor, rnn.Tensor
---@field svdvals fun(a: rnn.Tensor): rnn.Tensor

---@class rnn.logs
---@field report fun(path: string, page: rnn.logs.report.Options): true?, string?, string?
---@field writer fun(folder: string, options?: rnn.logs.writer.Options): logs.Writer?, string?, string?

---@class rnn.metrics
---@field Confusion metrics.Confusion
---@field F1 metrics.F1
---@field Mean metrics.Mean
---@field Scores metrics.Scores
---@field accuracy fun(y: rnn.Tensor, labels: rnn.Tensor, options?: metrics.accuracy.Options): number
---@field bleu fun(hypotheses: string[], references: (string|string[])[], options?: metrics.bleu.Options): number, table
---@field confusion fun(y: rnn.Tensor, labels: rnn.Tensor, options?: metrics.confusion.Options): metrics.Confusion
---@field coverage fun(low: rnn.Tensor, high: rnn.Tensor, actual: rnn.Tensor): number
---@field crps fun(forecast: rnn.Tensor, actual: rnn.Tensor, quantiles?: number[]): number
---@field crps_gaussian fun(mean: rnn.Tensor, deviation: rnn.Tensor, actual: rnn.Tensor): number
---@field error_rate fun(said: any[][], meant: any[][]): number, integer
---@field f1 fun(y: rnn.Tensor, labels: rnn.Tensor, options?: metrics.f1.Options): number|number[]
---@field interval_score fun(low: rnn.Tensor, high: rnn.Tensor, actual: rnn.Tensor, level: number): number
---@field mae fun(forecast: rnn.Tensor, actual: rnn.Tensor): number
---@field mase fun(forecast: rnn.Tensor, actual: rnn.Tensor, history: rnn.Tensor, season?: integer): number, integer
---@field measure fun(y: rnn.Tensor|table, target: rnn.Tensor|table, list: table, options?: metrics.measure.Options): table<string, number>
---@field nats fun(logits: rnn.Tensor, labels: rnn.Tensor, options?: metrics.nats.Options): number
---@field owa fun(forecast: rnn.Tensor, actual: rnn.Tensor, history: rnn.Tensor, season?: integer, benchmark?: rnn.Tensor): number
---@field perplexity fun(logits: rnn.Tensor, labels: rnn.Tensor, options?: metrics.perplexity.Options): number
---@field pinball fun(forecast: rnn.Tensor, actual: rnn.Tensor, q: number|number[]): number
---@field precision fun(y: rnn.Tensor, labels: rnn.Tensor, options?: metrics.precision.Options): number|number[]
---@field recall fun(y: rnn.Tensor, labels: rnn.Tensor, options?: metrics.recall.Options): number|number[]
---@field smape fun(forecast: rnn.Tensor, actual: rnn.Tensor): number
---@field top_k fun(logits: rnn.Tensor, labels: rnn.Tensor, k: integer, options?: metrics.top_k.Options): number
---@field width fun(low: rnn.Tensor, high: rnn.Tensor): number

---@class rnn.music
---@field hz fun(pitch: number): number
---@field midi fun(path: string, notes: table[], options?: music.midi.Options): true?, string?, string?
---@field name fun(pitch: integer): string
---@field notes fun(chords: rnn.Tensor): table[], integer
---@field read_chords fun(folder: string, least?: integer): rnn.Tensor[]?, integer|string, integer?
---@field read_rolls fun(path: string, least?: integer): rnn.Tensor[]?, integer|string|nil, integer?
---@field roll fun(chords: rnn.Tensor): rnn.Tensor
---@field sound fun(notes: table[], options?: music.sound.Options): rnn.Tensor
---@field voices fun(roll: rnn.Tensor, voices: integer): rnn.Tensor

---@class rnn.nn
---@field Attention nn.Attention
---@field AvgPool1d nn.AvgPool1d
---@field BatchNorm nn.BatchNorm
---@field Conv1d nn.Conv1d
---@field Decoder nn.Decoder
---@field Distribution nn.Distribution
---@field Dropout nn.Dropout
---@field ELU table
---@field Embedding nn.Embedding
---@field Encoder nn.Encoder
---@field Flatten nn.Flatten
---@field GELU table
---@field GRU nn.GRU
---@field GRUCell nn.GRUCell
---@field GlobalAvgPool1d nn.GlobalAvgPool1d
---@field GlobalMaxPool1d nn.GlobalMaxPool1d
---@field HardSigmoid table
---@field LSTM nn.LSTM
---@field LSTMCell nn.LSTMCell
---@field LayerNorm nn.LayerNorm
---@field LeakyReLU table
---@field Linear nn.Linear
---@field LogSoftmax table
---@field MADE nn.MADE
---@field Masking nn.Masking
---@field MaxPool1d nn.MaxPool1d
---@field MixtureDensity nn.MixtureDensity
---@field MixtureOfSoftmaxes nn.MixtureOfSoftmaxes
---@field Module nn.Module
---@field NeuralCache nn.NeuralCache
---@field RNN nn.RNN
---@field RNNCell nn.RNNCell
---@field ReLU table
---@field Recurrent nn.Recurrent
---@field RepeatVector nn.RepeatVector
---@field Reservoir nn.Reservoir
---@field SELU table
---@field Seq2Seq nn.Seq2Seq
---@field Sequential nn.Sequential
---@field SiLU table
---@field Sigmoid table
---@field Softmax table
---@field Softplus table
---@field Softsign table
---@field State nn.State
---@field Tanh table
---@field TimeDistributed nn.TimeDistributed
---@field binary_cross_entropy fun(logits: rnn.Tensor, targets: rnn.Tensor, options?: nn.binary_cross_entropy.Options): rnn.Tensor
---@field cell fun(name: string, init: fun(self: nn.Cell, ...)): table
---@field cosine_embedding fun(x1: rnn.Tensor, x2: rnn.Tensor, target: rnn.Tensor, options?: nn.cosine_embedding.Options): rnn.Tensor
---@field cross_entropy fun(logits: rnn.Tensor, labels: rnn.Tensor, options?: nn.cross_entropy.Options): rnn.Tensor
---@field detach fun(state: rnn.Tensor|table|nil): rnn.Tensor|nn.State|nil
---@field distillation fun(logits: rnn.Tensor, teacher: rnn.Tensor, labels?: rnn.Tensor, options?: nn.distillation.Options): rnn.Tensor
---@field elu fun()
---@field focal fun(logits: rnn.Tensor, labels: rnn.Tensor, options?: nn.focal.Options): rnn.Tensor
---@field gaussian_nll fun(mean: rnn.Tensor|rnn.Tensor[], target: rnn.Tensor, variance?: rnn.Tensor|number, options?: nn.gaussian_nll.Options): rnn.Tensor
---@field gelu fun()
---@field hard_sigmoid fun()
---@field hinge fun(y: rnn.Tensor, target: rnn.Tensor, options?: nn.hinge.Options): rnn.Tensor
---@field hinge_embedding fun(distance: rnn.Tensor, target: rnn.Tensor, options?: nn.hinge_embedding.Options): rnn.Tensor
---@field huber fun(y: rnn.Tensor, target: rnn.Tensor, delta?: number, options?: nn.huber.Options): rnn.Tensor
---@field initializers nn.initializers
---@field kl_div fun(log_probabilities: rnn.Tensor, target: rnn.Tensor, options?: nn.kl_div.Options): rnn.Tensor
---@field leaky_relu fun()
---@field log_softmax fun()
---@field loss fun(name: string|function): function
---@field mae fun(y: rnn.Tensor, target: rnn.Tensor, options?: nn.mae.Options): rnn.Tensor
---@field margin_ranking fun(x1: rnn.Tensor, x2: rnn.Tensor, target: rnn.Tensor, options?: nn.margin_ranking.Options): rnn.Tensor
---@field module fun(name: string, init: fun(self: nn.Module, ...), base?: table): table
---@field mse fun(y: rnn.Tensor, target: rnn.Tensor, options?: nn.mse.Options): rnn.Tensor
---@field multi_margin fun(logits: rnn.Tensor, labels: rnn.Tensor, options?: nn.multi_margin.Options): rnn.Tensor
---@field negative_binomial_nll fun(parameters: rnn.Tensor[], target: rnn.Tensor, options?: nn.negative_binomial_nll.Options): rnn.Tensor
---@field ordinal fun(logits: rnn.Tensor, labels: rnn.Tensor, options?: nn.ordinal.Options): rnn.Tensor
---@field poisson_nll fun(log_rate: rnn.Tensor, target: rnn.Tensor, options?: nn.poisson_nll.Options): rnn.Tensor
---@field quantile fun(y: rnn.Tensor, target: rnn.Tensor, q: number|number[], options?: nn.quantile.Options): rnn.Tensor
---@field relu fun()
---@field selu fun()
---@field sigmoid fun()
---@field silu fun()
---@field softmax fun()
---@field softplus fun()
---@field softsign fun()
---@field student_t_nll fun(parameters: rnn.Tensor[], target: rnn.Tensor, options?: nn.student_t_nll.Options): rnn.Tensor
---@field tanh fun()
---@field triplet_margin fun(anchor: rnn.Tensor, positive: rnn.Tensor, negative: rnn.Tensor, options?: nn.triplet_margin.Options): rnn.Tensor

---@class rnn.onnx
---@field load fun(path: string): nn.Module|nil, table|string, string?
---@field save fun(path: string, model: nn.Module, options?: onnx.save.Options): true|nil, string?, string?

---@class rnn.optim
---@field Adam optim.Adam
---@field AdamW optim.AdamW
---@field Nadam optim.Nadam
---@field RMSprop optim.RMSprop
---@field SGD optim.SGD
---@field Schedule optim.Schedule
---@field clip_grad_norm fun(params: rnn.Tensor[], max_norm: number): number
---@field clip_grad_value fun(params: rnn.Tensor[], limit: number): integer
---@field schedules optim.Schedule

---@class rnn.plot
---@field bar fun(bars: any, options?: plot.bar.Options): rnn.Figure?, string?, string?
---@field box fun(groups: any[], options?: plot.box.Options): rnn.Figure?, string?, string?
---@field histogram fun(data: any, options?: plot.histogram.Options): rnn.Figure?, string?, string?
---@field image fun(data: any, options?: plot.image.Options): rnn.Figure?, string?, string?
---@field lines fun(lines: { x?: any, y: any, label?: string, bands?: any[][] }[], options?: plot.lines.Options): rnn.Figure?, string?, string?
---@field matrix fun(data: any, options?: plot.matrix.Options): rnn.Figure?, string?, string?
---@field scatter fun(points: { x: any, y: any, label?: string }[], options?: plot.scatter.Options): rnn.Figure?, string?, string?
---@field series fun(fields: plot.series.Options): rnn.Figure?, string?, string?

---@class rnn.strokes
---@field follow fun(moves: rnn.Tensor, unit?: number): rnn.Tensor
---@field line fun(points: rnn.Tensor): { x: number[], y: number[] }
---@field moves fun(points: rnn.Tensor, unit?: number): rnn.Tensor
---@field points fun(list: number[][][], options?: strokes.points.Options): rnn.Tensor
---@field read fun(text: string): number[][][]?
---@field text fun(points: rnn.Tensor): string

---@class rnn.text
---@field Vocab text.Vocab
---@field bpe text.Bpe
---@field chars text.Chars
---@field read fun(path: string, options?: text.read.Options): string?, string?
---@field stream text.Stream
---@field tokens fun(s: string, options?: text.tokens.Options): string[]
---@field vectors fun(path: string, vocab: text.Vocab): rnn.Tensor?, rnn.Tensor|string
---@field words text.Words

---@class audio.deltas.Options
---@field width? integer steps, an odd number
---@field order? integer 1: the slope of a line, 2: the second derivative of a parabola

---@class audio.log_mel.Options
---@field rate number of x, in samples a second
---@field bands? integer triangles on the mel scale
---@field window? integer in samples; 25 ms by default
---@field hop? integer in samples; 10 ms by default
---@field fft? integer in samples, even, at least window; the next power of 2 by default
---@field fmin? number in Hz
---@field fmax? number in Hz; rate / 2 by default
---@field top_db? number|false what is further below the loudest value, in dB, is raised to that distance; false: nothing is

---@class audio.mfcc.Options
---@field coefficients? integer at most bands
---@field deltas? integer 1 adds first differences (audio.deltas), 2 second ones as well
---@field rate number of x, in samples a second
---@field bands? integer triangles on the mel scale
---@field window? integer in samples; 25 ms by default
---@field hop? integer in samples; 10 ms by default
---@field fft? integer in samples, even, at least window; the next power of 2 by default
---@field fmin? number in Hz
---@field fmax? number in Hz; rate / 2 by default
---@field top_db? number|false what is further below the loudest value, in dB, is raised to that distance; false: nothing is

---@class audio.read.Options
---@field rate? number samples a second that the recording is brought to

---@class augment.series.Options
---@field jitter? number standard deviation of noise that is added
---@field scaling? number the largest change of each feature's size
---@field warp? number share of the steps that are made twice or half as long; the whole is then brought back to its length

---@class augment.sound.Options
---@field speed? number the largest change, 0.1 for 0.9 to 1.1 times as fast and as high (Ko et al. 2015, "Audio augmentation for speech recognition")
---@field pitch? number the most semitones higher or lower, at the same speed
---@field shift? integer the most samples earlier or later; what leaves is lost, silence enters
---@field noise? number white noise, that many decibels below the sound or up to 30 more

---@class augment.spectrum.Options
---@field warp? number bands are read at places up to that share higher or lower: a longer or shorter vocal tract (Jaitly, Hinton 2013)
---@field stretch? number the largest change of the number of steps, as a share
---@field time? integer the most steps of a mask
---@field bands? integer the most bands of a mask
---@field masks? integer masks of each kind; what they cover becomes 0 (Park et al. 2019, SpecAugment)

---@class augment.strokes.Options
---@field rotation? number the largest angle, in degrees
---@field scale? number the largest change of width and of height, each by itself
---@field shear? number how far a point one higher leans to a side at most
---@field jitter? number standard deviation of each point's trembling
---@field drop? number rate at which points are left out, of those whose further columns are 0

---@class augment.transpose.Options
---@field semitones? integer the most, up or down
---@field lowest? integer of pitches as numbers: the lowest and
---@field highest? integer the highest that there are; 0 is silence

---@class cells.Antisymmetric.Options
---@field gated? boolean a gate z says how far each unit steps
---@field step? number step of the equation's solution
---@field damping? number how fast the state fades without input
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.Attention.Options
---@field memory? integer width of the memory's vectors; units where it is not given
---@field score? "additive"|"multiplicative" v . tanh(W h' + U memory_j + b), or h' . W memory_j (Luong et al. 2015, arXiv 1508.04025)

---@class cells.CFN.Options
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.Clockwork.Options
---@field groups? integer how many groups there are, each with a period of its own
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.Elman.Options
---@field activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" f
---@field layer_norm? boolean h = f(LN(W x; g, b) + LN(U h'; g', b')) (Ba et al. 2016, arXiv 1607.06450, as in their LSTM)
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.GRU.Options
---@field reset? "after"|"before" after the product, or before it: n = t(W x + b + U (r h') + b'), as the paper has it
---@field layer_norm? boolean LN(W x; g, b) + LN(U h'; g', b') (Ba et al. 2016, arXiv 1607.06450)
---@field chrono? integer steps of the longest memory: b of z starts at the logarithms of random times up to it (Tallec, Ollivier 2018, arXiv 1804.11188)
---@field activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" t
---@field recurrent_activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" s
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.GRUD.Options
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.IRNN.Options
---@field scale? number smaller where long memory is not wanted
---@field kernel? string|function first values of weight_ih; normal, with deviation 0.001, where it is not given, as in the paper

---@class cells.IndRNN.Options
---@field activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" f
---@field bound? number |u| is held below it; the paper has 2^(1/T) for T steps that are to be remembered
---@field kernel? string|function first values of weight_ih and other matrices

---@class cells.JANET.Options
---@field beta? number lets in a little more than is forgotten
---@field chrono? integer steps of the longest memory: b of s starts at the logarithms of random times up to it, in place of forget_bias; the paper has it
---@field forget_bias? number where b of s starts
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.Jordan.Options
---@field outputs? integer width of y; units where it is not given
---@field decay? number how much of older outputs stays
---@field activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" f
---@field output_activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" f_y
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.LMU.Options
---@field order? integer how many coefficients there are
---@field theta? number steps of the window
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.LRU.Options
---@field states? integer width of h; units where it is not given
---@field r_min? number from where on |lambda| starts
---@field r_max? number up to where |lambda| starts
---@field max_phase? number up to which angle, in radians, lambda starts

---@class cells.LSTM.Options
---@field peepholes? boolean i and f see c', o sees c, unit by unit (Gers, Schmidhuber 2000)
---@field coupled? boolean i = 1 - f (CIFG)
---@field without? "nothing"|"input_gate"|"forget_gate"|"output_gate"|"input_activation"|"output_activation" what is left out: i = 1 (NIG), f = 1 (NFG), o = 1 (NOG), g is its sum (NIAF), m = o c (NOAF)
---@field projection? integer y = h = W m of that width (Sak et al. 2014, arXiv 1402.1128)
---@field layer_norm? boolean LN(W x; g, b) + LN(U h'; g', b'), m = o t(LN(c)) (Ba et al. 2016, arXiv 1607.06450, equations 20 to 22)
---@field forget_bias? number where b of f starts (Jozefowicz et al. 2015)
---@field chrono? integer steps of the longest memory: b of f starts at the logarithms of random times up to it, that of i at minus these (Tallec, Ollivier 2018, arXiv 1804.11188)
---@field activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" t
---@field recurrent_activation? "hard_sigmoid"|"identity"|"leaky_relu"|"relu"|"selu"|"sigmoid"|"softsign"|"tanh" s
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.MGU.Options
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.Mogrifier.Options
---@field rounds? integer how often one of x and h' is gated
---@field rank? integer Q and R are products of matrices of this rank
---@field forget_bias? number where b of the LSTM's f starts
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.PhasedLSTM.Options
---@field time? "step"|"input" the number of the step, or what stands in the last column of x
---@field open? number share of a period in which a unit is open
---@field leak? number k of a unit that is not open, in training; 0 in evaluation
---@field longest? number periods start between 1 and this, logarithmically
---@field forget_bias? number where b of the LSTM's f starts
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.QRNN.Options
---@field pooling? "fo"|"f"|"ifo" as above, y = c, or c = f c' + i z
---@field window? integer inputs in X; 1: of this step alone, which may be convolved before
---@field kernel? string|function first values of weight_ih and other matrices

---@class cells.RHN.Options
---@field depth? integer how many micro-steps a step has
---@field transform_bias? number where b of t starts: at first most is carried
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.RWKV.Options
---@field kernel? string|function first values of weight_ih and other matrices

---@class cells.SRU.Options
---@field highway_bias? number where b of r starts; alpha = sqrt(1 + 2 exp(highway_bias))
---@field kernel? string|function first values of weight_ih and other matrices

---@class cells.UGRNN.Options
---@field forget_bias? number where b of g starts
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class cells.minGRU.Options
---@field chrono? integer steps of the longest memory: b of z starts at minus the logarithms of random times up to it (Tallec, Ollivier 2018, arXiv 1804.11188)
---@field kernel? string|function first values of weight_ih and other matrices

---@class cells.minLSTM.Options
---@field forget_bias? number where b of f starts
---@field kernel? string|function first values of weight_ih and other matrices

---@class cells.sLSTM.Options
---@field forget? "sigmoid"|"exp" what f is of its sum
---@field heads? integer U has so many blocks: units see those of their own head
---@field forget_bias? number where b of f starts
---@field kernel? string|function first values of weight_ih and other matrices
---@field recurrent? string|function first values of weight_hh

---@class ctc.beam.Options
---@field width? integer how many beginnings are followed
---@field blank? integer class of the blank; the last where it is not given

---@class ctc.greedy.Options
---@field blank? integer class of the blank; the last where it is not given

---@class ctc.loss.Options
---@field blank? integer class of the blank; the last where it is not given
---@field skip_impossible? boolean leaves sequences out whose labels have more frames than there are
---@field padded? boolean labels 0 are padding, also before the end of a sequence
---@field sample_weights? rnn.Tensor float (N), how many times each sequence counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" by label, the sum over the sequences over the number of all labels; the sum; or the value of each sequence, (N)

---@class data.Arrays.batches.Options
---@field size? integer items of a batch
---@field shuffle? boolean a fresh order for each epoch
---@field bucket? boolean of data.sequences: batches of sequences of about the same length; by default where shuffle is on
---@field seed? integer of the orders; by default one is drawn when the batches are made
---@field drop_last? boolean leaves out a last batch that is not full

---@class data.Encoder.Options
---@field one_hot? string[]|table<string, string[]> columns { "weather" }, or with their words { weather = { "sun", "rain" } }
---@field ordinal? string[]|table<string, string[]> the same; { size = { "small", "large" } } gives 1 and 2
---@field unknown? "missing"|"error" what becomes of a word that fit did not see: nan, or in one-hot columns zeros; or an error
---@field state? table what encoder:state() gave; nothing else counts then

---@class data.PCA.Options
---@field components? number how many are kept; below 1, the share of the variance that they have to explain; nil: all
---@field whiten? boolean divides each component by its deviation
---@field state? table what pca:state() gave; nothing else counts then

---@class data.Scaler.Options
---@field kind? "standard"|"minmax"|"factor" every column gets mean 0 and deviation 1, or the range 0..1, or all are divided by the number factor
---@field factor? number with kind = "factor"
---@field missing? boolean values may be missing, nan: they do not count, and stay nan
---@field state? table what scaler:state() gave; nothing else counts then

---@class data.Sequences.batches.Options
---@field size? integer items of a batch
---@field shuffle? boolean a fresh order for each epoch
---@field bucket? boolean of data.sequences: batches of sequences of about the same length; by default where shuffle is on
---@field seed? integer of the orders; by default one is drawn when the batches are made
---@field drop_last? boolean leaves out a last batch that is not full

---@class data.Tokens.batches.Options
---@field size? integer items of a batch
---@field shuffle? boolean a fresh order for each epoch
---@field bucket? boolean of data.sequences: batches of sequences of about the same length; by default where shuffle is on
---@field seed? integer of the orders; by default one is drawn when the batches are made
---@field drop_last? boolean leaves out a last batch that is not full

---@class data.Windows.batches.Options
---@field size? integer items of a batch
---@field shuffle? boolean a fresh order for each epoch
---@field bucket? boolean of data.sequences: batches of sequences of about the same length; by default where shuffle is on
---@field seed? integer of the orders; by default one is drawn when the batches are made
---@field drop_last? boolean leaves out a last batch that is not full

---@class data.csv.Options
---@field columns? table keeps only these, { "a", "b" }
---@field types? table of columns by name, "number", "date" or "text": { zip = "text" }; or how dates are written: { when = "%d/%m/%Y %H:%M", year = "%Y" }, as in strftime, or "seconds" or "milliseconds" since 1970
---@field separator? string between cells, one byte; by default the one of comma, semicolon, tab and | that cuts the first lines into equally many cells
---@field decimal? string sign in numbers, "," or by default "."
---@field thousands? string what stands between groups of three digits, " " for any blank; by default a point where decimal is a comma, else nothing
---@field header? boolean whether row 1 has the names of the columns; by default it has, but values alone are refused. false: they are called column1, column2 ...
---@field encoding? string "latin1", "windows-1252", "cp932", "utf-16" or another one that the C library knows; UTF-8 by default
---@field comment? string lines that begin with this byte are left out
---@field missing? table|string|number cells that mean missing, -999 or { "-", "?", -999 }, beside the empty one and NA, NaN, NaT, null, None, N/A, and errors of spreadsheets such as #DIV/0!; of a number all ways to write it
---@field zone? string whose clocks the times of day are of, "Europe/Berlin" or "+02:00"; times with an offset from UTC are shown as of this zone

---@class data.csv_stream.Options
---@field columns? table keeps only these, { "a", "b" }
---@field types? table of columns by name, "number", "date" or "text": { zip = "text" }; or how dates are written: { when = "%d/%m/%Y %H:%M", year = "%Y" }, as in strftime, or "seconds" or "milliseconds" since 1970
---@field separator? string between cells, one byte; by default the one of comma, semicolon, tab and | that cuts the first lines into equally many cells
---@field decimal? string sign in numbers, "," or by default "."
---@field thousands? string what stands between groups of three digits, " " for any blank; by default a point where decimal is a comma, else nothing
---@field header? boolean whether row 1 has the names of the columns; by default it has, but values alone are refused. false: they are called column1, column2 ...
---@field encoding? string "latin1", "windows-1252", "cp932", "utf-16" or another one that the C library knows; UTF-8 by default
---@field comment? string lines that begin with this byte are left out
---@field missing? table|string|number cells that mean missing, -999 or { "-", "?", -999 }, beside the empty one and NA, NaN, NaT, null, None, N/A, and errors of spreadsheets such as #DIV/0!; of a number all ways to write it
---@field zone? string whose clocks the times of day are of, "Europe/Berlin" or "+02:00"; times with an offset from UTC are shown as of this zone
---@field rows? integer of a part, about

---@class data.find.Options
---@field data? string the folder; or the file, under its own name, so that one file never stands for two
---@field sole? boolean for programs that read no other file: data may be a file of any name, or, where a folder is wanted, be it itself
---@field fingerprint? string tells the public data set from others under its name
---@field source? string where the file is to be had, for the message

---@class data.lines.Options
---@field header? boolean|"maybe" the first line that is not empty does not count; "maybe": it does when read makes something of it
---@field quoted? string the sign between cells, which may be in quotes: a line that ends in them goes on

---@class data.tokens.Options
---@field length? integer ids of a window
---@field stride? integer ids from one window to the next; by default length

---@class data.windows.Options
---@field length integer steps in a window
---@field target? integer|"sequence" how many rows after the window y has; or "sequence"
---@field ahead? integer with target = "sequence": rows after each step that y has
---@field stride? integer rows from the start of one window to the start of the next
---@field first? integer with target = "sequence": y has only the steps first, first + every, ... to the last, for models whose output is shorter than their input (strided nn.Conv1d)
---@field every? integer see first
---@field input_columns? integer[]|string[] columns of the series that x has, by number, or of a frame by name; all by default, of a frame all number columns
---@field target_columns? integer[]|string[] columns that y has
---@field missing? true|"mask" the series may have missing values, nan. Targets that are missing have weight 0 in batches, so rnn.fit and rnn.evaluate leave them out of loss and metrics; windows without any target are left out. Inputs are nan with true, which cells.GRUD reads; with "mask" they have the value that was seen last, 0 before the first, and behind all columns of the series a column for each, 1 where it was there, and one with the steps since
---@field across? boolean windows may cross holes in the time of a frame
---@field breaks? table rows after which there is a hole, as frame:breaks gives them, for a series that was changed since it was a frame's
---@field beside? table { hour = int32 (L), ... }: what each step has beside the series, such as ids for an embedding; float (L, D) as well. x is then a table { series = (N, length, inputs), hour = (N, length) ... }

---@class decode.generate.Options
---@field step function function (ids, state) -> logits (N, V), new state; ids int32 (N) are those chosen last
---@field state? any the first step's: a tensor, or tables of tensors, with a row for each sequence
---@field start? integer|rnn.Tensor id that the first step gets, or an int32 (N); without it the prefix begins the sequences
---@field stop? integer id that ends a sequence; without it all have max_length ids
---@field max_length? integer ids in a sequence at most, with the prefix, without start and stop
---@field beam? integer beam search with so many hypotheses a sequence
---@field length_penalty? number hypotheses are compared by log probability / length ^ length_penalty; the stop counts
---@field prefix? integer[]|integer[][] ids that the sequences must begin with: a list for all, or a list of lists, one for each
---@field on_token? function (id, row, position) is called at once for each id that was chosen; false ends that row
---@field temperature? number what logits are divided by: below 1 likely ids become likelier, 0 takes the likeliest
---@field top_k? integer keeps so many of the likeliest ids
---@field top_p? number keeps the likeliest ids whose probabilities together reach it (the nucleus of Holtzman et al. 2020)

---@class decode.sample.Options
---@field temperature? number what logits are divided by: below 1 likely ids become likelier, 0 takes the likeliest
---@field top_k? integer keeps so many of the likeliest ids
---@field top_p? number keeps the likeliest ids whose probabilities together reach it (the nucleus of Holtzman et al. 2020)

---@class linalg.matrix_rank.Options
---@field tolerance? number by default max(m, n) times the precision of the largest singular value

---@class linalg.solve_triangular.Options
---@field upper? boolean a is an upper triangle

---@class rnn.logs.report.Options
---@field title? string a line of text; must be given
---@field dated? boolean false: nothing says when it was written, so that equal pages are equal files
---@field status? string a line of text below it
---@field refresh? integer seconds after which a browser reads the page anew; for a run that goes on
---@field facts? table { { name, value }, ... }: what to read first
---@field charts? table { { title = "Loss", unit = "mse", xlabel = "epoch", x = { 1, 2 }, series = { { label = "train", y = { 0.5, 0.4 } } }, mark = { x = 2, label = "best" }, note = "...", wide = true, log = true }, ... }; y may have holes. Curves above 0 whose largest value is more than 30 times the least are first seen on a logarithmic axis, unless log is false
---@field heat_maps? table { { title = "layer 1", values = { { -1.5, -1.2 }, { -3, -2.5 } }, x = { 1, 2 }, xlabel = "epoch", unit = "what the colours are" }, ... }: row i is i - 1 time steps back, column j is at x[j], values are the norms' decimal logarithms, a table of rows or a tensor (rows, columns). All maps share a scale
---@field sections? table { { title = "Model", text = "..." }, { title = "Environment", pairs = { { "seed", 42 } } }, ... }

---@class rnn.logs.writer.Options
---@field after? integer the run goes on after that step: TensorBoard forgets what the files before this one have of later ones

---@class metrics.Confusion.Options
---@field classes? integer how many there are; logits tell, labels as answers do not
---@field names? string[] what the classes are called
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.F1.Options
---@field average? "macro"|"micro"|"weighted" as metrics.f1
---@field classes? integer how many there are; logits tell, labels as answers do not
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.Mean.Options
---@field finish? function what is done to the mean: math.sqrt makes a root mean square
---@field weighted? boolean sample weights count; without it each element counts once
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.Scores.Options
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.accuracy.Options
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.bleu.Options
---@field tokenize? string|function as sacreBLEU by default, at white space only, or a function from a string to a list of tokens or a string with blanks between them
---@field lowercase? boolean all text, before it is cut

---@class metrics.confusion.Options
---@field classes? integer how many there are; logits tell, labels as answers do not
---@field names? string[] what the classes are called
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.f1.Options
---@field average? "macro"|"micro"|"weighted"|"none" mean over the classes that occur as label or answer; all answers together (with one label each, the accuracy); mean with each class as often as it is a label; or a list, the value of each class
---@field classes? integer how many there are; logits tell, labels as answers do not
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.measure.Options
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths
---@field sample_weights? any float, with the first axes of the target, or a table of such; for the metrics that take them

---@class metrics.nats.Options
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.perplexity.Options
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.precision.Options
---@field average? "macro"|"micro"|"weighted"|"none" mean over the classes that occur as label or answer; all answers together (with one label each, the accuracy); mean with each class as often as it is a label; or a list, the value of each class
---@field classes? integer how many there are; logits tell, labels as answers do not
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.recall.Options
---@field average? "macro"|"micro"|"weighted"|"none" mean over the classes that occur as label or answer; all answers together (with one label each, the accuracy); mean with each class as often as it is a label; or a list, the value of each class
---@field classes? integer how many there are; logits tell, labels as answers do not
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class metrics.top_k.Options
---@field padded? boolean labels 0 are padding; without it an error, but behind lengths

---@class music.midi.Options
---@field step? number seconds of a step
---@field instrument? integer General MIDI program from 1 on; 20 is a church organ

---@class music.sound.Options
---@field rate? number samples a second
---@field step? number seconds of a step

---@class nn.Attention.Options
---@field score? "multiplicative"|"additive" q . W k ("general" of Luong et al. 2015), or v . tanh(W q + U k + b) (Bahdanau et al. 2015)
---@field units? integer width of the additive score; queries where it is not given

---@class nn.AvgPool1d.Options
---@field stride? integer steps of x from one window to the next; nil: size, so that none overlap
---@field padding? "valid"|"same" only whole windows; or also those that reach over both ends, of which the steps of x alone count

---@class nn.BatchNorm.Options
---@field momentum? number running = momentum * running + (1 - momentum) * batch
---@field epsilon? number is added to the variance

---@class nn.Conv1d.Options
---@field stride? integer steps of x from one step of y to the next
---@field dilation? integer steps of x between two taps
---@field padding? "valid"|"causal"|"same" only whole windows; zeros before the first step, so that no step sees a later one; or zeros at both ends
---@field bias? boolean adds a bias
---@field activation? "relu"|"tanh"|"sigmoid"|"hard_sigmoid"|"elu"|"selu"|"softplus"|"softsign" of the sums
---@field kernel? string|function first values of weight

---@class nn.Decoder.Options
---@field recurrent? nn.RecurrentBase nn.RNN, nn.LSTM, nn.GRU, or nn.Recurrent of any cell
---@field cell? "rnn"|"gru"|"lstm" in place of recurrent: what its layers are made of
---@field units? integer in place of recurrent: units of each layer and direction
---@field layers? integer in place of recurrent: how many layers; dropout is between them, too
---@field attention? "none"|"multiplicative"|"additive" looks at the memory with h of the top layer (Luong et al. 2015; Bahdanau et al. 2015); tanh(W [context, h]) goes on to the output
---@field input_feeding? boolean that vector is also part of the next step's input, so that the recurrence knows what was looked at, as in both papers; training then goes step by step and is slower
---@field condition? integer C: begins with a vector (N, C): vector -> sequence
---@field condition_as? "state"|"input"|"both" it makes the first state, through tanh(W v + b); it is part of the input of every step; or both
---@field dropout? number rate for vectors and before the output
---@field memory? integer features of the memory; nn.Seq2Seq fills it in
---@field vocab? integer|text.Vocab of ids: their number, or a text.Vocab, which also says start and stop
---@field start? integer the id before every sequence; 2 where no text.Vocab says it
---@field stop? integer the id behind every sequence; 3 where no text.Vocab says it
---@field dim? integer features of an id's vector; where it is not given, as recurrent takes them, or 128
---@field tied? boolean the logits' weights are the embedding's (Press, Wolf 2017)
---@field word_dropout? number rate at which whole ids are left out of the inputs in training
---@field outputs? integer of numbers: how many a step gives
---@field inputs? integer how many numbers are known in advance for each step, such as what day it will be
---@field steps? integer how many steps it makes by itself, where known inputs do not say it
---@field loss? "binary_cross_entropy"|"gaussian_nll"|"huber"|"mae"|"mse"|"poisson_nll"|"quantile" what the numbers are for; with gaussian_nll the last layer also says the variance, with binary_cross_entropy it gives logits, and probabilities go on, with poisson_nll logarithms of rates
---@field quantiles? number[] of loss = "quantile", { 0.1, 0.5, 0.9 } where they are not given; the middle one goes on

---@class nn.Decoder.decode.Options
---@field max_length? integer ids in a sequence at most, with the prefix, without start and stop
---@field beam? integer beam search with so many hypotheses a sequence
---@field length_penalty? number hypotheses are compared by log probability / length ^ length_penalty; the stop counts
---@field prefix? integer[]|integer[][] ids that the sequences must begin with: a list for all, or a list of lists, one for each
---@field on_token? function (id, row, position) is called at once for each id that was chosen; false ends that row
---@field temperature? number what logits are divided by: below 1 likely ids become likelier, 0 takes the likeliest
---@field top_k? integer keeps so many of the likeliest ids
---@field top_p? number keeps the likeliest ids whose probabilities together reach it (the nucleus of Holtzman et al. 2020)
---@field steps? integer of numbers: makes so many steps; where it is not given, as are known in advance, or the decoder's
---@field stop? function of numbers: function (y (N, outputs)) -> mask (N) of sequences that end with this step

---@class nn.Decoder.loss.Options
---@field teacher_forcing? number in training, probability that a step is told the true id or numbers before it, and not what the decoder gave itself (scheduled sampling, Bengio et al. 2015)
---@field label_smoothing? number of ids, in training: as in nn.cross_entropy
---@field padded? boolean of ids: 0 is padding in a y without lengths
---@field loss? string|function of numbers: another loss that compares the same, or a function (prediction, target, weights) -> scalar

---@class nn.Distribution.Options
---@field kind? "point"|"quantile"|"gaussian"|"student_t"|"negative_binomial" quantiles that cannot cross; a Gaussian; Student's t, with heavier tails; counts; "point": one number, by its absolute error
---@field quantiles? number[] of kind "quantile": { 0.05, 0.5, 0.95 } where they are not given

---@class nn.Embedding.Options
---@field word_dropout? number rate at which single places of ids are left out in training
---@field dropout? number rate at which ids are left out in training wherever they stand in the batch, the others enlarged (Gal, Ghahramani 2016; Merity et al. 2018)
---@field kernel? string|function first values of weight, within ±0.05

---@class nn.Encoder.Options
---@field vocab? integer|text.Vocab number of ids, or a text.Vocab; ids become vectors
---@field dim? integer features of these vectors; where it is not given, as recurrent takes them, or 128
---@field inputs? integer instead of vocab: the sequences are float (N, S, inputs) already; where it is not given, as recurrent takes them
---@field dropout? number rate for vectors, and of the memory
---@field word_dropout? number rate at which whole ids are left out in training (Gal, Ghahramani 2016)
---@field recurrent? nn.RecurrentBase nn.RNN, nn.LSTM, nn.GRU, or nn.Recurrent of any cell
---@field cell? "rnn"|"gru"|"lstm" in place of recurrent: what its layers are made of
---@field units? integer in place of recurrent: units of each layer and direction
---@field layers? integer in place of recurrent: how many layers; dropout is between them, too
---@field bidirectional? boolean in place of recurrent: further cells read backwards

---@class nn.GRU.Options
---@field layers? integer layers, each on the outputs of the one before
---@field bidirectional? boolean further cells read backwards (Schuster, Paliwal 1997)
---@field merge? "concat"|"sum"|"mean" how two directions are joined
---@field returns? "sequence"|"last"|"both" the outputs of all steps; of each sequence's last one alone, (N, outputs); or both: y, state, last
---@field residual? boolean adds the input of each layer but the first to its output
---@field dropout? number rate between layers
---@field recurrent_dropout? number rate of the states in products, one mask for all steps (Gal, Ghahramani 2016)
---@field zoneout? number rate at which units keep their h (Krueger et al. 2017)
---@field initial_state? "zeros"|"trained" the state before the first step
---@field recompute? boolean|integer runs segments again in backward, of that many steps or of the square root of T: less memory (Chen et al. 2016)
---@field layer_norm? boolean normalises the sums inside the cell (Ba et al. 2016)
---@field weight_dropout? number rate at which elements of weight_hh are left out, the same for all steps of a batch (Wan et al. 2013, DropConnect; Merity et al. 2018, AWD-LSTM)
---@field activation? "tanh"|"relu"|"sigmoid"|"hard_sigmoid"|"softsign"|"leaky_relu"|"selu"|"identity" of the new values
---@field kernel? string|function first values of weight_ih
---@field recurrent? string|function first values of weight_hh
---@field recurrent_activation? "tanh"|"relu"|"sigmoid"|"hard_sigmoid"|"softsign"|"leaky_relu"|"selu"|"identity" of the gates
---@field reset? "after"|"before" before the product: n = tanh(W x + b + U (r h') + b'), Cho's first reading
---@field chrono? integer the steps of the longest memory: biases of z start at the logarithms of random times up to it (Tallec, Ollivier 2018, "Can recurrent neural networks warp time?")

---@class nn.GRUCell.Options
---@field kernel? string|function first values of weight_ih
---@field recurrent? string|function first values of weight_hh

---@class nn.LSTM.Options
---@field layers? integer layers, each on the outputs of the one before
---@field bidirectional? boolean further cells read backwards (Schuster, Paliwal 1997)
---@field merge? "concat"|"sum"|"mean" how two directions are joined
---@field returns? "sequence"|"last"|"both" the outputs of all steps; of each sequence's last one alone, (N, outputs); or both: y, state, last
---@field residual? boolean adds the input of each layer but the first to its output
---@field dropout? number rate between layers
---@field recurrent_dropout? number rate of the states in products, one mask for all steps (Gal, Ghahramani 2016)
---@field zoneout? number rate at which units keep their h (Krueger et al. 2017)
---@field initial_state? "zeros"|"trained" the state before the first step
---@field recompute? boolean|integer runs segments again in backward, of that many steps or of the square root of T: less memory (Chen et al. 2016)
---@field layer_norm? boolean normalises the sums inside the cell (Ba et al. 2016)
---@field weight_dropout? number rate at which elements of weight_hh are left out, the same for all steps of a batch (Wan et al. 2013, DropConnect; Merity et al. 2018, AWD-LSTM)
---@field activation? "tanh"|"relu"|"sigmoid"|"hard_sigmoid"|"softsign"|"leaky_relu"|"selu"|"identity" of the new values
---@field kernel? string|function first values of weight_ih
---@field recurrent? string|function first values of weight_hh
---@field recurrent_activation? "tanh"|"relu"|"sigmoid"|"hard_sigmoid"|"softsign"|"leaky_relu"|"selu"|"identity" of the gates
---@field forget_bias? any where the forget gate's bias starts (Jozefowicz et al. 2015)
---@field zoneout_cell? number rate at which units keep their c (Krueger et al. 2017)
---@field peepholes? boolean gates see c (Gers, Schmidhuber 2000)
---@field projection? integer the width of h, where it is not units (Sak et al. 2014)
---@field coupled? boolean i = 1 - f (Greff et al. 2017)
---@field chrono? integer the steps of the longest memory: biases of f start at the logarithms of random times up to it, of i at minus these (Tallec, Ollivier 2018, "Can recurrent neural networks warp time?")

---@class nn.LSTMCell.Options
---@field forget_bias? number where the biases of f start
---@field kernel? string|function first values of weight_ih
---@field recurrent? string|function first values of weight_hh

---@class nn.LayerNorm.Options
---@field epsilon? number is added to the variance

---@class nn.Linear.Options
---@field bias? boolean adds a bias
---@field kernel? string|function first values of weight

---@class nn.MADE.Options
---@field units? integer of the hidden layer; twice outputs by default

---@class nn.MaxPool1d.Options
---@field stride? integer steps of x from one window to the next; nil: size, so that none overlap
---@field padding? "valid"|"same" only whole windows; or also those that reach over both ends, of which the steps of x alone count

---@class nn.MixtureDensity.Options
---@field size? integer numbers of a point
---@field components? integer Gaussians
---@field bits? integer numbers behind them that are 0 or 1

---@class nn.MixtureDensity.sample.Options
---@field bias? number above 0 samples are neater and less varied (Graves 2013, section 5.4); bits, too, are then surer

---@class nn.MixtureOfSoftmaxes.Options
---@field mixtures? integer how many softmaxes
---@field dim? integer the width before each; inputs by default

---@class nn.Module.load_state_dict.Options
---@field strict? boolean names that only one side has are an error

---@class nn.NeuralCache.Options
---@field size? integer words that are kept, of each row
---@field theta? number factor of the products of hidden states: 0 makes all kept words alike
---@field weight? number share of the cache in the distribution

---@class nn.RNN.Options
---@field layers? integer layers, each on the outputs of the one before
---@field bidirectional? boolean further cells read backwards (Schuster, Paliwal 1997)
---@field merge? "concat"|"sum"|"mean" how two directions are joined
---@field returns? "sequence"|"last"|"both" the outputs of all steps; of each sequence's last one alone, (N, outputs); or both: y, state, last
---@field residual? boolean adds the input of each layer but the first to its output
---@field dropout? number rate between layers
---@field recurrent_dropout? number rate of the states in products, one mask for all steps (Gal, Ghahramani 2016)
---@field zoneout? number rate at which units keep their h (Krueger et al. 2017)
---@field initial_state? "zeros"|"trained" the state before the first step
---@field recompute? boolean|integer runs segments again in backward, of that many steps or of the square root of T: less memory (Chen et al. 2016)
---@field layer_norm? boolean normalises the sums inside the cell (Ba et al. 2016)
---@field weight_dropout? number rate at which elements of weight_hh are left out, the same for all steps of a batch (Wan et al. 2013, DropConnect; Merity et al. 2018, AWD-LSTM)
---@field activation? "tanh"|"relu"|"sigmoid"|"hard_sigmoid"|"softsign"|"leaky_relu"|"selu"|"identity" of the new values
---@field kernel? string|function first values of weight_ih
---@field recurrent? string|function first values of weight_hh

---@class nn.RNNCell.Options
---@field activation? "tanh"|"relu" of the new values
---@field kernel? string|function first values of weight_ih
---@field recurrent? string|function first values of weight_hh

---@class nn.Recurrent.Options
---@field layers? integer layers, each on the outputs of the one before
---@field bidirectional? boolean further cells read backwards (Schuster, Paliwal 1997)
---@field merge? "concat"|"sum"|"mean" how two directions are joined
---@field returns? "sequence"|"last"|"both" the outputs of all steps; of each sequence's last one alone, (N, outputs); or both: y, state, last
---@field residual? boolean adds the input of each layer but the first to its output
---@field dropout? number rate between layers
---@field recurrent_dropout? number rate of the states in products, one mask for all steps (Gal, Ghahramani 2016)
---@field zoneout? number|table rate at which units keep their state (Krueger et al. 2017); { h = 0.1, c = 0.2 } by the names or numbers of a state that is a table
---@field initial_state? "zeros"|"trained" the state before the first step
---@field recompute? boolean|integer runs segments again in backward, of that many steps or of the square root of T: less memory (Chen et al. 2016)
---@field widths? table the units of each layer, { 128, 64 }
---@field compile? boolean a step that is no formula is an error

---@class nn.Reservoir.Options
---@field outputs? integer features of the read-out; without it there is none
---@field radius? number spectral radius of U, the size of its largest eigenvalue; below 1 inputs are forgotten
---@field connections? number how many elements of a row of U are not 0, on average
---@field input_scale? number W is uniform within ±input_scale
---@field bias_scale? number b is uniform within ±bias_scale
---@field leak? number above 0 and up to 1; slower units for slower series

---@class nn.Reservoir.fit.Options
---@field washout? integer first steps of each sequence that do not count, while its state still tells of its beginning
---@field ridge? number weight of the read-out's squares; the larger, the smoother and the stabler

---@class nn.Seq2Seq.Options
---@field encoder nn.Encoder what reads
---@field decoder nn.Decoder what writes
---@field start? table for each output of a decoder of numbers the column of the encoder's input whose last value its first step goes on from; without it these are zeros

---@class nn.Seq2Seq.decode.Options
---@field max_length? integer ids in a sequence at most, with the prefix, without start and stop
---@field beam? integer beam search with so many hypotheses a sequence
---@field length_penalty? number hypotheses are compared by log probability / length ^ length_penalty; the stop counts
---@field prefix? integer[]|integer[][] ids that the sequences must begin with: a list for all, or a list of lists, one for each
---@field on_token? function (id, row, position) is called at once for each id that was chosen; false ends that row
---@field temperature? number what logits are divided by: below 1 likely ids become likelier, 0 takes the likeliest
---@field top_k? integer keeps so many of the likeliest ids
---@field top_p? number keeps the likeliest ids whose probabilities together reach it (the nucleus of Holtzman et al. 2020)
---@field steps? integer of numbers: makes so many steps; where it is not given, as are known in advance, or the decoder's
---@field stop? function of numbers: function (y (N, outputs)) -> mask (N) of sequences that end with this step
---@field size? integer of ids: how many sequences of a list are decoded at a time
---@field weights? boolean of ids: gives details[n].weights, the attention's (ids and stop, source steps)

---@class nn.Seq2Seq.loss.Options
---@field teacher_forcing? number in training, probability that a step is told the true id or numbers before it, and not what the decoder gave itself (scheduled sampling, Bengio et al. 2015)
---@field label_smoothing? number of ids, in training: as in nn.cross_entropy
---@field padded? boolean of ids: 0 is padding in a y without lengths
---@field loss? string|function of numbers: another loss that compares the same, or a function (prediction, target, weights) -> scalar

---@class nn.binary_cross_entropy.Options
---@field pos_weight? rnn.Tensor|number how many times a target 1 counts beside a target 0, or (C), for each of C columns; the mean is over all as without it
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.cosine_embedding.Options
---@field margin? number the cosine up to which what does not belong together costs nothing
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.cross_entropy.Options
---@field weights? rnn.Tensor|number[] (V), how many times each class counts: the mean is the sum of weights[label] times the loss over the sum of weights[label]
---@field label_smoothing? number e gives each class e / V of the target and the label 1 - e more (Szegedy et al. 2016, "Rethinking the Inception Architecture")
---@field padded? boolean labels 0 are padding, also before the end of a sequence
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.distillation.Options
---@field temperature? number T: above 1 the teacher's small chances count more
---@field share? number of the teacher; the rest is the label's
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.focal.Options
---@field gamma? number 0 is the cross-entropy
---@field padded? boolean labels 0 are padding, also before the end of a sequence
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.gaussian_nll.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.hinge.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.hinge_embedding.Options
---@field margin? number the distance beyond which what does not belong together costs nothing
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.huber.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.kl_div.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.mae.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.margin_ranking.Options
---@field margin? number by how much the larger one has to lead
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.mse.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.multi_margin.Options
---@field margin? number by how much the label has to lead
---@field p? 1|2 the power of what is missing
---@field padded? boolean labels 0 are padding, also before the end of a sequence
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.negative_binomial_nll.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.ordinal.Options
---@field padded? boolean labels 0 are padding, also before the end of a sequence
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.poisson_nll.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.quantile.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.student_t_nll.Options
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class nn.triplet_margin.Options
---@field margin? number by how much the negative has to be farther away
---@field p? number of the norm that is the distance
---@field swap? boolean takes the negative's distance from the positive where that is smaller (Balntas et al. 2016)
---@field sample_weights? rnn.Tensor float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; one of weight 0 is left out, whatever it holds
---@field reduction? "mean"|"sum"|"none" the sum of weight times value over the sum of the weights; the sum; or weight times value of each element (of each label), 0 behind the lengths

---@class onnx.save.Options
---@field form? "sequence"|"step" whole sequences (N, T, ...), or one step (N, ...)
---@field state? boolean states go in and come out, so that a sequence can come in pieces; where it is not given, of models that can go on from one
---@field lengths? boolean the lengths of sequences are an input
---@field scaler? data.Scaler the inputs are raw, and scaled there
---@field target_scaler? data.Scaler the outputs are taken back by it there
---@field labels? string[] names of the outputs
---@field vocab? string[]|text.Vocab the words of ids
---@field inputs? integer features of a step, where the first layer does not say it

---@class optim.Adam.Options
---@field lr? number learning rate
---@field beta1? number how much of the running mean stays in each step
---@field beta2? number how much of the running mean square stays
---@field epsilon? number added to the root that the step is divided by
---@field weight_decay? number that many times the parameter is added to its gradient

---@class optim.AdamW.Options
---@field lr? number learning rate
---@field beta1? number how much of the running mean stays in each step
---@field beta2? number how much of the running mean square stays
---@field epsilon? number added to the root that the step is divided by
---@field weight_decay? number lr times that is the share of the parameter that it loses

---@class optim.Nadam.Options
---@field lr? number learning rate
---@field beta1? number how much of the running mean stays in each step
---@field beta2? number how much of the running mean square stays
---@field epsilon? number added to the root that the step is divided by
---@field weight_decay? number that many times the parameter is added to its gradient

---@class optim.RMSprop.Options
---@field lr? number learning rate
---@field rho? number how much of the running mean square stays in each step
---@field momentum? number how much of the step before goes into this one
---@field epsilon? number added to the root that the step is divided by
---@field weight_decay? number that many times the parameter is added to its gradient

---@class optim.SGD.Options
---@field lr? number learning rate
---@field momentum? number how much of the step before goes into this one
---@field nesterov? boolean looks ahead along v (Nesterov 1983); only with a momentum
---@field weight_decay? number that many times the parameter is added to its gradient

---@class optim.schedules.cosine.Options
---@field length? integer steps or epochs from beginning to end; nil: as long as rnn.fit trains
---@field final? number the last factor, 0 to 1
---@field per? "step"|"epoch" what t counts

---@class optim.schedules.exponential.Options
---@field factor number of each epoch, or step: 0.95
---@field per? "step"|"epoch" what t counts

---@class optim.schedules.one_cycle.Options
---@field length? integer steps or epochs from beginning to end; nil: as long as rnn.fit trains
---@field rise? number share of the steps that go up, 0 to 1
---@field start? number the first factor, 0 to 1
---@field final? number the last factor, 0 to 1
---@field per? "step"|"epoch" what t counts

---@class optim.schedules.own.Options
---@field per? "step"|"epoch" what t counts

---@class optim.schedules.plateau.Options
---@field factor? number of each change, 0 to 1
---@field patience? integer epochs without improvement that change nothing
---@field cooldown? integer epochs after a change that do not count
---@field least? number the lr that is the lowest
---@field per? "step"|"epoch" what t counts
---@field monitor? string the name in the history that is watched
---@field mode? "min"|"max" what better means; by default less, but more for accuracy, F1, top-k and BLEU
---@field min_delta? number a change that is not more than this is none

---@class optim.schedules.step.Options
---@field every integer epochs, or steps, from one change to the next
---@field factor? number of each change
---@field per? "step"|"epoch" what t counts

---@class optim.schedules.warmup.Options
---@field length integer steps or epochs of the line: 500
---@field start? number the first factor, 0 to 1
---@field after? optim.Schedule the schedule that follows, any but plateau; nil: the lr stays
---@field per? "step"|"epoch" what t counts

---@class plot.bar.Options
---@field title? string above the plot
---@field xlabel? string below the x axis
---@field ylabel? string beside the y axis
---@field log_y? boolean a logarithmic y axis
---@field width? integer of the picture
---@field height? integer of the picture
---@field file? string a name that ends in .svg, .png or .pdf
---@field names? string[] below the bars; 1, 2, 3 ...

---@class plot.box.Options
---@field title? string above the plot
---@field xlabel? string below the x axis
---@field ylabel? string beside the y axis
---@field log_y? boolean a logarithmic y axis
---@field width? integer of the picture
---@field height? integer of the picture
---@field file? string a name that ends in .svg, .png or .pdf
---@field names? string[] below the boxes; 1, 2, 3 ...

---@class plot.histogram.Options
---@field title? string above the plot
---@field xlabel? string below the x axis
---@field ylabel? string beside the y axis
---@field log_y? boolean a logarithmic y axis
---@field width? integer of the picture
---@field height? integer of the picture
---@field file? string a name that ends in .svg, .png or .pdf
---@field bins? integer number of bars; the default grows with the cube root of the number of values, up to 60

---@class plot.image.Options
---@field title? string above the plot
---@field width? integer of the picture
---@field height? integer of the picture; as the image needs by default
---@field map? "sequential"|"diverging"|"gray" of colours
---@field file? string a name that ends in .svg, .png or .pdf
---@field range? number[] { low, high }: the values at the ends of the colours; the least and the largest one
---@field colorbar? boolean shows which colour stands for which value

---@class plot.lines.Options
---@field title? string above the plot
---@field xlabel? string below the x axis
---@field ylabel? string beside the y axis
---@field log_y? boolean a logarithmic y axis
---@field width? integer of the picture
---@field height? integer of the picture
---@field file? string a name that ends in .svg, .png or .pdf
---@field log_x? boolean a logarithmic x axis
---@field axes? boolean without them x and y have one scale: a drawing, such as handwriting

---@class plot.matrix.Options
---@field rows? string[] names of the rows; numbers by default
---@field columns? string[] names of the columns
---@field x? number[] { from, to }: an axis below instead of names: what the columns span, such as seconds
---@field y? number[] { from, to }: an axis at the left, with the first row at the bottom: what the rows span, such as hertz
---@field title? string above the plot
---@field xlabel? string of the columns
---@field ylabel? string of the rows
---@field map? "sequential"|"diverging"|"gray" of colours; diverging, with white for 0, where there are values on both sides of 0, else sequential
---@field values? boolean writes the values into the cells; by default where there are at most 12 x 12 and they have room
---@field width? integer of the picture
---@field height? integer of the picture; as many rows take by default, up to 640
---@field file? string a name that ends in .svg, .png or .pdf
---@field range? number[] { low, high }: the values at the ends of the colours; the least and the largest one
---@field colorbar? boolean shows which colour stands for which value

---@class plot.scatter.Options
---@field title? string above the plot
---@field xlabel? string below the x axis
---@field ylabel? string beside the y axis
---@field log_y? boolean a logarithmic y axis
---@field width? integer of the picture
---@field height? integer of the picture
---@field file? string a name that ends in .svg, .png or .pdf
---@field log_x? boolean a logarithmic x axis

---@class plot.series.Options
---@field title? string above the plot
---@field xlabel? string below the x axis
---@field ylabel? string beside the y axis
---@field log_y? boolean a logarithmic y axis
---@field width? integer of the picture
---@field height? integer of the picture
---@field file? string a name that ends in .svg, .png or .pdf
---@field log_x? boolean a logarithmic x axis
---@field x? any numbers or dates "YYYY-MM-DD" that all series share; 1, 2, 3 ...
---@field order? string[] names as the legend shall list them

---@class rnn.Average.Options
---@field decay? number share of an exponential average that stays at an update
---@field mean? "step"|"epoch"|false instead, the plain mean of the weights after each step, or after each epoch, since it began
---@field start? integer in rnn.fit, the epoch in which a mean begins (Izmailov et al. 2018, stochastic weight averaging)
---@field patience? integer in rnn.fit, a mean begins when val_loss has not become better for that many epochs (Merity et al. 2018, NT-ASGD: SGD with mean = "step", patience = 5)

---@class rnn.EarlyStopping.Options
---@field monitor? string the name in the history that is watched
---@field mode? "min"|"max" what better means; by default less, but more for accuracy, F1, top-k and BLEU
---@field min_delta? number a change that is not more than this is none
---@field patience? integer epochs without an improvement
---@field restore_best? boolean puts the weights of the best epoch back, also when training runs to its last epoch

---@class rnn.Ensemble.Options
---@field mean? "outputs"|"softmax"|"sigmoid" the mean of what: of the outputs as they are; or of the probabilities that logits say, of classes or each by itself, and the result is again logits

---@class rnn.Experiment.finish.Options
---@field model? table the model that --save keeps
---@field extra? table what is kept beside it, for experiment:load
---@field forecaster? table an rnn.Forecaster that --save keeps instead; rnn.load_forecaster reads it
---@field plot? string the title of a picture of all losses, for --plot; nil: the script draws

---@class rnn.Forecaster.Options
---@field target? string|string[] column to forecast, or several; of tensors and lists their names
---@field horizon? integer steps ahead that the network foretells at once; default by the step: a day of hours, a week of days, 13 weeks, 12 months
---@field length? integer steps that it reads; default by the step: a week of hours, 8 weeks of days
---@field time? string column of dates and times; the only one there is, else rows are steps
---@field series? string column that says which of several series a row belongs to: one network for all
---@field step? string between rows, such as "1h"; as the frame has it
---@field past? string|string[] columns beside the target, numbers or words, that are known up to the present
---@field future_known? string|string[] columns that are known in advance, such as what day it will be: rows that have them and no target stand at the end of the frame
---@field static? string|string[] columns that say what a series is, the same in all of its rows
---@field calendar? boolean hour, weekday, month and the time of the year are known in advance
---@field holidays? table { "2024-12-25", ... }, known in advance
---@field model? "GRU"|"LSTM"|"RNN"|"simple"|function the recurrent layer beside the linear model; "simple": no network, but the mean of what of last value, season, drift, exponential smoothing and Theta foretells rows held out best; or a function (sizes) -> model, of x = { series = (N, length, sizes.inputs), future = (N, horizon, sizes.future), static = (N, sizes.static), id = int32 (N, 1) }, which has what there is, to (N, outputs)
---@field units? integer of the recurrent layer
---@field layers? integer of it
---@field dropout? number of features
---@field members? integer networks whose forecasts are averaged
---@field scale? "standard"|"mean"|"revin"|"none" mean 0 and deviation 1, of each series in the training span; over the mean size there; of each window by itself (Kim et al. 2022, RevIN); none
---@field log? boolean the network sees logarithms: for what grows by shares, all above 0
---@field balance? boolean of many series, those that a season before foretells well count more in the loss, half by their MASE
---@field season? integer steps after which the series is like itself, for baselines; as the frame has it
---@field distribution? "quantile"|"gaussian"|"student_t"|"negative_binomial"|"point" what the network says, see nn.Distribution
---@field quantiles? table of the forecast, ascending, such as { 0.1, 0.5, 0.9 }; the ends of interval and 0.5
---@field interval? number share of the actual values that lie between low and high
---@field conformal? boolean the ends are moved so that as many values of a span held out lie between them (Romano et al. 2019)
---@field samples? integer Monte-Carlo dropout: forecasts are means over so many passes with dropout, and their spread widens intervals (Gal, Ghahramani 2016); 0: none
---@field quiet? boolean says nothing of what was guessed

---@class rnn.Forecaster.backtest.Options
---@field from? string|integer first row that is forecast: a date such as "2015", or its number; the first behind the training span
---@field to? string|integer the last one; the last there is
---@field cuts? integer so many origins, spread over all hours alike; all by default
---@field stride? integer steps from one origin to the next
---@field refit? integer trains anew at every so manieth origin, on all that is known by then; 0: never
---@field fit? table settings of forecaster:fit for that
---@field season? integer of the baselines, steps

---@class rnn.Forecaster.fit.Options
---@field valid? number the last share of the rows, or number of rows, that says when to stop
---@field calibrate? number the share, or number, of rows behind them, to which intervals are calibrated; where these are few for the horizon, also to those that say when to stop
---@field epochs? integer at most
---@field patience? integer epochs without an improvement
---@field batch? integer windows of a batch; 32 to 256 by their number
---@field lr? number learning rate of Adam, which falls to nothing (cosine)
---@field weight_decay? number of Adam
---@field average? number decay of a moving average of the weights, see rnn.fit
---@field stride? integer of so many windows one is trained on, of all hours alike; more than 1 where there are very many
---@field seconds? number of training, at most
---@field seed? integer of member i seed + i; nil: goes on from where the generator is
---@field refit? boolean trains anew on all rows in the end; by default, unless the model is given ready made
---@field progress? any see rnn.fit
---@field callbacks? table of rnn.fit, for every training
---@field run? string a folder: checkpoints of rnn.fit, a folder below it for each member

---@class rnn.ModelCheckpoint.Options
---@field monitor? string the name in the history that is watched
---@field mode? "min"|"max" what better means; by default less, but more for accuracy, F1, top-k and BLEU
---@field min_delta? number a change that is not more than this is none
---@field best_only? boolean saves after epochs in which monitor became better, not after every one

---@class rnn.Monitor.plot.Options
---@field file? string flow.svg or flow.png
---@field width? integer of the pictures
---@field height? integer of the pictures; as many rows take by default
---@field title? string before the layer's name

---@class rnn.Monitor.step.Options
---@field loss? any of the step
---@field norm? any what clip_grad_norm gave
---@field lr? any learning rate of the step
---@field epoch? any that the step is in
---@field x? any the input

---@class rnn.cell_check.Options
---@field inputs? integer inputs of the cell that a class makes
---@field units? integer units of that cell
---@field arguments? table further arguments of the constructor
---@field samples? integer sequences of a batch, at least 2
---@field skip? string[] names of checks that are left out
---@field quiet? boolean prints nothing

---@class rnn.evaluate.Options
---@field loss? string|function|table "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy", "kl_div", "poisson_nll", "gaussian_nll" (of { mean, variance }), or a function (y, target, weights) -> scalar. For a model that gives a table, as its targets are one: { demand = "mse", alarm = "cross_entropy" }, a loss for each target, whose sum is made small (history.demand_loss ...); one name stands for all of them. A model with a loss of its own needs none, or a table of options for it: model:loss(x, y, options, weights) -> loss, or loss, prediction, target for metrics; nn.Seq2Seq has one
---@field loss_weights? any { demand = 0.5 }: factors of the losses of targets (1)
---@field padded? boolean labels 0 in targets are padding; else they are an error, as labels count from 1, but behind lengths
---@field metrics? any { "mae", "last_mae" (of each sequence's last step), "mse", "rmse", "smape", "accuracy", "top_5", "f1", "nats", "perplexity", name = function (y, target) or an object such as metrics.F1 }; those of one of several targets stand in a list: { demand = { "mae" } } gives demand_mae
---@field tbptt? integer|false sequences of any length are cut into windows of that many steps, each read from the state in which the last one ended; targets have a value for each step. The model is an nn.Sequential, a recurrent layer, or has forward(x, state) -> y, state
---@field dynamic? table|false { optimizer =, decay = 0, clip_norm = nil }: the model goes on learning from each batch that was measured, as a text that is read; its weights move back by decay after each step, and are what they were at the end (Krause et al. 2018, "Dynamic evaluation of neural sequence models")

---@class rnn.export_c.Options
---@field name? string what all names in C begin with; the file's name where it is not given
---@field int8? boolean matrices as integers of 8 bits with a scale for each row: a quarter of the size
---@field header? boolean writes the declarations into a file of their own as well, model.h beside model.c
---@field steps? integer the longest sequence, of models that need the whole of it
---@field test? integer steps of the self-test
---@field scaler? data.Scaler the inputs are raw, and scaled there
---@field target_scaler? data.Scaler the outputs are taken back by it there
---@field labels? string[] names of the outputs
---@field vocab? string[]|text.Vocab the words of ids
---@field inputs? integer features of a step, where the first layer does not say it

---@class rnn.export_keras_weights.Options
---@field steps? integer steps of a sequence, where all have as many; nn.Flatten needs it

---@class rnn.find_lr.Options
---@field data? any batches, as for rnn.fit
---@field loss? string|function|table "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy", "kl_div", "poisson_nll", "gaussian_nll" (of { mean, variance }), or a function (y, target, weights) -> scalar. For a model that gives a table, as its targets are one: { demand = "mse", alarm = "cross_entropy" }, a loss for each target, whose sum is made small (history.demand_loss ...); one name stands for all of them. A model with a loss of its own needs none, or a table of options for it: model:loss(x, y, options, weights) -> loss, or loss, prediction, target for metrics; nn.Seq2Seq has one
---@field loss_weights? any { demand = 0.5 }: factors of the losses of targets (1)
---@field padded? boolean labels 0 in targets are padding; else they are an error, as labels count from 1, but behind lengths
---@field optimizer? any optim.SGD(model:parameters())
---@field from? number the first rate
---@field to? number the last rate
---@field steps? integer rates to try
---@field clip_norm? number|false clips the gradients by their common norm

---@class rnn.fit.Options
---@field data? any batches (dataset:batches { size = 32, shuffle = true }), any iterator of x, y, weights that begins again in each epoch, or a function that makes one for each: what `for x, y in` takes, such as a coroutine.wrap(f), or a coroutine. x, y and weights are tensors or tables of them (data.arrays)
---@field valid? any batches or a dataset to measure after each epoch: val_loss, val_mae ...
---@field loss? string|function|table "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy", "kl_div", "poisson_nll", "gaussian_nll" (of { mean, variance }), or a function (y, target, weights) -> scalar. For a model that gives a table, as its targets are one: { demand = "mse", alarm = "cross_entropy" }, a loss for each target, whose sum is made small (history.demand_loss ...); one name stands for all of them. A model with a loss of its own needs none, or a table of options for it: model:loss(x, y, options, weights) -> loss, or loss, prediction, target for metrics; nn.Seq2Seq has one
---@field loss_weights? any { demand = 0.5 }: factors of the losses of targets (1)
---@field padded? boolean labels 0 in targets are padding; else they are an error, as labels count from 1, but behind lengths
---@field metrics? any { "mae", "last_mae" (of each sequence's last step), "mse", "rmse", "smape", "accuracy", "top_5", "f1", "nats", "perplexity", name = function (y, target) or an object such as metrics.F1 }; those of one of several targets stand in a list: { demand = { "mae" } } gives demand_mae
---@field tbptt? integer|false sequences of any length are cut into windows of that many steps, each read from the state in which the last one ended; targets have a value for each step. The model is an nn.Sequential, a recurrent layer, or has forward(x, state) -> y, state
---@field optimizer? any optim.SGD(model:parameters(), { lr = 0.05, momentum = 0.9 }); or several for different parts, which take their steps in turn (by number, or by the alphabet), each by a loss of its own, as in a GAN: optimizer = { judge, maker } with loss = { f, g }, functions (model, x, y, weights) -> scalar
---@field schedule? any optim.schedules.cosine(), or a function t -> factor of the lr after t steps
---@field epochs? integer at most that many
---@field clip_norm? number|false clips the gradients by their common norm
---@field clip_value? number|false clips the gradients one by one
---@field precision? "float"|"bf16" what products are computed in, here and when it measures (rnn.precision); nil: as it is
---@field accumulate? integer one update for that many batches, by the mean gradient over all their valid elements
---@field penalty? table|false { ar = 2, tar = 1, l1 =, l2 = { recurrent = 1e-6 } }: what is added to the loss in training and not to its figures: squares of activations and of their changes, sizes and squares of weights by kind (train/penalty.lua)
---@field shards? integer parts of a batch, each with its own gradient and batch statistics, which are added up in a fixed order: with as many shards one process and any number of ranks (mpirun) give the same bits. 1, or 8 under mpirun or srun, or what the variable RNNLUA_SHARDS says
---@field average? number|table decay, such as 0.999, or options of rnn.Average: an average of the weights is what is measured, kept as best and left in the model at the end
---@field on_nan? "error"|"stop" a loss that is not finite: an error, or the end, which sets history.stopped. Either way the weights are those before that epoch
---@field monitor? boolean|table true, or options of rnn.monitor: what happens to the gradients at every 40th step; at most one advice an epoch on standard error, all of them in history.advice; heat maps in report.html
---@field callbacks? any { rnn.EarlyStopping { monitor = "val_mae", patience = 50 } }: tables of functions, see callbacks.lua
---@field on_epoch? function|false function (epoch, logs), after each epoch; returning false ends training
---@field progress? boolean|integer|"terminal"|"best" nil: a bar on a terminal, else a line an epoch, on standard error; n: a line every n epochs, "best": one for every improvement, on a terminal above a bar; "terminal": a bar or nothing; false: nothing. The last two leave out the comparison as well
---@field run? string|false "runs/name": a folder for checkpoint.safetensors, best.safetensors (the model of the best epoch), metrics.jsonl, report.html (the run, in any browser) and an event file (`tensorboard --logdir runs`)
---@field checkpoint? table|false { every_seconds = 60 } or { every_steps = 500 }: how often; at the end it is saved anyway
---@field resume? boolean false: a run begins from the start, whatever is in its folder
---@field log_every? integer steps from one line in metrics.jsonl to the next, beside those of the epochs

---@class rnn.forecast_report.Options
---@field train? any windows (data.windows) to which the linear model is fitted
---@field test? any windows on which all are compared
---@field forecast? any of the test windows (N, ahead * D), or (N, T, ahead * D); nil: the baselines alone
---@field season? any steps; nil: the lag at which train repeats itself best
---@field scale? number multiplies all errors
---@field name? string of the model in the table
---@field quiet? boolean prints nothing

---@class rnn.gradcheck.Options
---@field eps? number by how much elements are moved
---@field atol? number how much gradients may differ
---@field rtol? number how much more, as a share of the difference

---@class rnn.load.Options
---@field classes? table classes of the script's own: { MyCell = class }, or { require "mycells" }

---@class rnn.load_forecaster.Options
---@field classes? table classes of the model, where it is the script's own; see rnn.load

---@class rnn.monitor.Options
---@field every? integer steps from one record to the next
---@field clip? number|false the max_norm of clip_grad_norm
---@field advise? boolean in rnn.fit, says what the records show

---@class rnn.predict.Options
---@field size? integer rows at a time

---@class rnn.quantise.Options
---@field data? any batches or a dataset on which loss and metrics are measured before and after, as rnn.evaluate does
---@field quiet? boolean prints nothing
---@field loss? string|function|table "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy", "kl_div", "poisson_nll", "gaussian_nll" (of { mean, variance }), or a function (y, target, weights) -> scalar. For a model that gives a table, as its targets are one: { demand = "mse", alarm = "cross_entropy" }, a loss for each target, whose sum is made small (history.demand_loss ...); one name stands for all of them. A model with a loss of its own needs none, or a table of options for it: model:loss(x, y, options, weights) -> loss, or loss, prediction, target for metrics; nn.Seq2Seq has one
---@field loss_weights? any { demand = 0.5 }: factors of the losses of targets (1)
---@field padded? boolean labels 0 in targets are padding; else they are an error, as labels count from 1, but behind lengths
---@field metrics? any { "mae", "last_mae" (of each sequence's last step), "mse", "rmse", "smape", "accuracy", "top_5", "f1", "nats", "perplexity", name = function (y, target) or an object such as metrics.F1 }; those of one of several targets stand in a list: { demand = { "mae" } } gives demand_mae
---@field tbptt? integer|false sequences of any length are cut into windows of that many steps, each read from the state in which the last one ended; targets have a value for each step. The model is an nn.Sequential, a recurrent layer, or has forward(x, state) -> y, state

---@class strokes.points.Options
---@field spacing? number distance between points along a stroke, in halves of the longer side
---@field count? integer so many points in all instead, from the first to the last

---@class text.Vocab.encode.Options
---@field start? boolean <s> before the text
---@field stop? boolean </s> behind it

---@class text.bpe.Options
---@field size integer ids at most, such as 8000; up to 65,535

---@class text.read.Options
---@field invalid? "error"|"replace" bytes that are no UTF-8 are an error that says where the first one is (the file is in another encoding, or is no text), or become U+FFFD

---@class text.stream.Options
---@field size? integer rows: parts of the text that are read side by side
---@field length? integer steps of a window

---@class text.tokens.Options
---@field lowercase? boolean all text, before it is cut

---@class text.words.Options
---@field size? integer at most so many ids, with the three special ones
---@field min_count? integer only words that are there so often
---@field tokenize? "words"|"spaces"|function as text.tokens; what stands between white space; or a function s -> list of words, which a file cannot hold: after rnn.load set vocab.tokenize to it again
---@field lowercase? boolean all text, before it is cut

---@class frame.describe.Options
---@field quiet? boolean returns what it would print, an array with a table for each column

---@class frame.to_csv.Options
---@field separator? string between cells
---@field decimal? string sign in numbers

---@class frame.sort.Options
---@field descending? boolean the greatest or latest first

---@class frame.tensor.Options
---@field missing? boolean a missing value is nan in place of an error

---@class frame.join.Options
---@field missing? "keep"|"drop" rows without a partner stay, with missing cells, or go

---@class frame.melt.Options
---@field name? string the column of the names of columns
---@field value? string the column of their cells

---@class frame.regular.Options
---@field step? string such as "1h"; that of the frame by default
---@field fill? "last"|"linear"|"mean of hour and weekday" what number columns have in new rows and missing cells; nothing by default. Words are repeated
---@field mark? boolean adds a column "filled", 1 in rows that were put in, else 0

---@class rnn.Figure.text.Options
---@field width? integer columns
---@field height? integer rows; where they are few, first the labels give way, then the title
---@field color? boolean|"rgb" the 256 colours of terminals, or "rgb" for all
---@field unicode? boolean Braille rather than ASCII

---@class rnn.Numbers a column of numbers of a frame, exact as the file has them

--- Numbers of one type, "float" (the working precision) or "int32", in up to 6 axes, batch first. Operators + - * / ^
--- and unary - work element by element, with broadcasting; x[i] is an element of a vector or row i of anything else; #x
--- is the size of the first axis; ipairs(x) and pairs(x) go over x[1] to x[#x]. < <= > >= compare the numbers of tensors
--- of one element, also with numbers; x:lt(y) compares element by element, as x:eq(y) does, for == asks whether both are
--- the same tensor. In .. and string.format a tensor of one element is its number; Lua's other functions of numbers take
--- x:item(). Every op is a function and a method: rnn.tanh(x), x:tanh().
---@class rnn.Tensor
---@field grad rnn.Tensor? what backward has added up, of the same shape
---@field abs fun(self: rnn.Tensor): rnn.Tensor
---@field acos fun(self: rnn.Tensor): rnn.Tensor
---@field add fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field all fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field any fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field argmax fun(self: rnn.Tensor, axis?: integer, keep?: boolean): rnn.Tensor
---@field argmin fun(self: rnn.Tensor, axis?: integer, keep?: boolean): rnn.Tensor
---@field argsort fun(self: rnn.Tensor, axis?: integer, descending?: boolean): rnn.Tensor
---@field asin fun(self: rnn.Tensor): rnn.Tensor
---@field atan fun(self: rnn.Tensor): rnn.Tensor
---@field atan2 fun(self: rnn.Tensor, x: rnn.Tensor|number): rnn.Tensor
---@field batch_norm fun(self: rnn.Tensor, gain: rnn.Tensor, bias: rnn.Tensor, running_mean: rnn.Tensor, running_variance: rnn.Tensor, momentum: number, eps: number, training: boolean): rnn.Tensor
---@field binary_cross_entropy fun(self: rnn.Tensor, target: rnn.Tensor|number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field bincount fun(self: rnn.Tensor, n?: integer, weights?: rnn.Tensor): rnn.Tensor
---@field broadcast_to fun(self: rnn.Tensor, shape: integer[]): rnn.Tensor
---@field ceil fun(self: rnn.Tensor): rnn.Tensor
---@field clamp fun(self: rnn.Tensor, low: number, high: number): rnn.Tensor
---@field concat fun(self: rnn.Tensor, axis: integer): rnn.Tensor
---@field conv1d fun(self: rnn.Tensor, weight: rnn.Tensor, bias?: rnn.Tensor, stride: integer, dilation: integer, padding: integer): rnn.Tensor
---@field cos fun(self: rnn.Tensor): rnn.Tensor
---@field cosh fun(self: rnn.Tensor): rnn.Tensor
---@field cross_entropy fun(self: rnn.Tensor, labels: rnn.Tensor, weights?: rnn.Tensor, smoothing?: number, padded?: boolean, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field ctc_loss fun(self: rnn.Tensor, labels: rnn.Tensor, blank?: integer, skip?: integer, padded?: boolean, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field cummax fun(self: rnn.Tensor, axis: integer): rnn.Tensor, rnn.Tensor
---@field cummin fun(self: rnn.Tensor, axis: integer): rnn.Tensor, rnn.Tensor
---@field cumprod fun(self: rnn.Tensor, axis: integer): rnn.Tensor
---@field cumsum fun(self: rnn.Tensor, axis: integer): rnn.Tensor
---@field diag fun(self: rnn.Tensor, k?: integer): rnn.Tensor
---@field div fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field dropout fun(self: rnn.Tensor, p: number): rnn.Tensor
---@field elu fun(self: rnn.Tensor): rnn.Tensor
---@field embedding fun(self: rnn.Tensor, ids: rnn.Tensor): rnn.Tensor
---@field eq fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field erf fun(self: rnn.Tensor): rnn.Tensor
---@field exp fun(self: rnn.Tensor): rnn.Tensor
---@field expm1 fun(self: rnn.Tensor): rnn.Tensor
---@field flip fun(self: rnn.Tensor, axes?: integer[]): rnn.Tensor
---@field floor fun(self: rnn.Tensor): rnn.Tensor
---@field floor_div fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field fma fun(self: rnn.Tensor, b: rnn.Tensor|number, c: rnn.Tensor|number): rnn.Tensor
---@field gather fun(self: rnn.Tensor, axis: integer, ids: rnn.Tensor): rnn.Tensor
---@field gaussian_nll fun(self: rnn.Tensor, target: rnn.Tensor|number, variance: rnn.Tensor|number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field ge fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field gelu fun(self: rnn.Tensor): rnn.Tensor
---@field gt fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field hard_sigmoid fun(self: rnn.Tensor): rnn.Tensor
---@field histogram fun(self: rnn.Tensor, bins?: integer, low?: number, high?: number): rnn.Tensor, rnn.Tensor
---@field huber fun(self: rnn.Tensor, target: rnn.Tensor|number, delta?: number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field index_add fun(self: rnn.Tensor, axis: integer, ids: rnn.Tensor, y: rnn.Tensor): rnn.Tensor
---@field index_put fun(self: rnn.Tensor, ids: rnn.Tensor, y: rnn.Tensor|number): rnn.Tensor
---@field irfft fun(self: rnn.Tensor, n?: integer): rnn.Tensor
---@field is_finite fun(self: rnn.Tensor): rnn.Tensor
---@field kl_div fun(self: rnn.Tensor, target: rnn.Tensor|number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field last fun(self: rnn.Tensor): rnn.Tensor
---@field layer_norm fun(self: rnn.Tensor, gain: rnn.Tensor, bias?: rnn.Tensor, eps: number): rnn.Tensor
---@field le fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field leaky_relu fun(self: rnn.Tensor, slope: number): rnn.Tensor
---@field linear fun(self: rnn.Tensor, weight: rnn.Tensor, bias?: rnn.Tensor): rnn.Tensor
---@field linear_cross_entropy fun(self: rnn.Tensor, labels: rnn.Tensor, weight: rnn.Tensor, bias?: rnn.Tensor, padded?: boolean, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field log fun(self: rnn.Tensor): rnn.Tensor
---@field log1p fun(self: rnn.Tensor): rnn.Tensor
---@field log_sigmoid fun(self: rnn.Tensor): rnn.Tensor
---@field log_softmax fun(self: rnn.Tensor, axis: integer): rnn.Tensor
---@field logical_and fun(self: rnn.Tensor, b: rnn.Tensor): rnn.Tensor
---@field logical_not fun(self: rnn.Tensor): rnn.Tensor
---@field logical_or fun(self: rnn.Tensor, b: rnn.Tensor): rnn.Tensor
---@field logical_xor fun(self: rnn.Tensor, b: rnn.Tensor): rnn.Tensor
---@field logsumexp fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field lt fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field mae fun(self: rnn.Tensor, target: rnn.Tensor|number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field mask fun(self: rnn.Tensor): rnn.Tensor
---@field matmul fun(self: rnn.Tensor, b: rnn.Tensor): rnn.Tensor
---@field max fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field maximum fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field mean fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field median fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field min fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field minimum fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field mod fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field mse fun(self: rnn.Tensor, target: rnn.Tensor|number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field mul fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field ne fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field neg fun(self: rnn.Tensor): rnn.Tensor
---@field nonzero fun(self: rnn.Tensor): rnn.Tensor
---@field norm fun(self: rnn.Tensor, p?: number, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field one_hot fun(self: rnn.Tensor, classes: integer): rnn.Tensor
---@field pad fun(self: rnn.Tensor, axis: integer, before: integer, after: integer, mode?: "constant"|"replicate"|"reflect"|"circular", value?: number): rnn.Tensor
---@field permute fun(self: rnn.Tensor, axes: integer[]): rnn.Tensor
---@field poisson_nll fun(self: rnn.Tensor, target: rnn.Tensor|number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field pow fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field prod fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field quantile fun(self: rnn.Tensor, q: number, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field quantile_loss fun(self: rnn.Tensor, target: rnn.Tensor|number, q: number, sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none"): rnn.Tensor
---@field reciprocal fun(self: rnn.Tensor): rnn.Tensor
---@field relu fun(self: rnn.Tensor): rnn.Tensor
---@field repeat_interleave fun(self: rnn.Tensor, count: integer, axis: integer): rnn.Tensor
---@field reshape fun(self: rnn.Tensor, shape: integer[]): rnn.Tensor
---@field reverse_steps fun(self: rnn.Tensor): rnn.Tensor
---@field rfft fun(self: rnn.Tensor, n?: integer): rnn.Tensor
---@field roll fun(self: rnn.Tensor, shift: integer, axis?: integer): rnn.Tensor
---@field round fun(self: rnn.Tensor, straight_through: boolean): rnn.Tensor
---@field rsqrt fun(self: rnn.Tensor): rnn.Tensor
---@field scatter fun(self: rnn.Tensor, axis: integer, ids: rnn.Tensor, y: rnn.Tensor|number): rnn.Tensor
---@field scatter_add fun(self: rnn.Tensor, axis: integer, ids: rnn.Tensor, y: rnn.Tensor|number): rnn.Tensor
---@field searchsorted fun(self: rnn.Tensor, x: rnn.Tensor, right?: boolean): rnn.Tensor
---@field select fun(self: rnn.Tensor, axis: integer, index: integer): rnn.Tensor
---@field selu fun(self: rnn.Tensor): rnn.Tensor
---@field sigmoid fun(self: rnn.Tensor): rnn.Tensor
---@field sign fun(self: rnn.Tensor): rnn.Tensor
---@field silu fun(self: rnn.Tensor): rnn.Tensor
---@field sin fun(self: rnn.Tensor): rnn.Tensor
---@field sinh fun(self: rnn.Tensor): rnn.Tensor
---@field slice fun(self: rnn.Tensor, axis: integer, from: integer, to: integer, step?: integer): rnn.Tensor
---@field softmax fun(self: rnn.Tensor, axis: integer): rnn.Tensor
---@field softplus fun(self: rnn.Tensor): rnn.Tensor
---@field softsign fun(self: rnn.Tensor): rnn.Tensor
---@field sort fun(self: rnn.Tensor, axis?: integer, descending?: boolean): rnn.Tensor, rnn.Tensor
---@field sqrt fun(self: rnn.Tensor): rnn.Tensor
---@field square fun(self: rnn.Tensor): rnn.Tensor
---@field squeeze fun(self: rnn.Tensor, axis?: integer): rnn.Tensor
---@field stack fun(self: rnn.Tensor, axis: integer): rnn.Tensor
---@field std fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean, correction?: integer): rnn.Tensor
---@field sub fun(self: rnn.Tensor, b: rnn.Tensor|number): rnn.Tensor
---@field sum fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean): rnn.Tensor
---@field take_along_axis fun(self: rnn.Tensor, ids: rnn.Tensor, axis: integer): rnn.Tensor
---@field tan fun(self: rnn.Tensor): rnn.Tensor
---@field tanh fun(self: rnn.Tensor): rnn.Tensor
---@field tile fun(self: rnn.Tensor, counts: integer[]): rnn.Tensor
---@field to_float fun(self: rnn.Tensor): rnn.Tensor
---@field to_int fun(self: rnn.Tensor): rnn.Tensor
---@field topk fun(self: rnn.Tensor, k: integer, smallest?: boolean): rnn.Tensor
---@field transpose fun(self: rnn.Tensor, a: integer, b: integer): rnn.Tensor
---@field tril fun(self: rnn.Tensor, k?: integer): rnn.Tensor
---@field triu fun(self: rnn.Tensor, k?: integer): rnn.Tensor
---@field unique fun(self: rnn.Tensor): rnn.Tensor, rnn.Tensor, rnn.Tensor
---@field unsqueeze fun(self: rnn.Tensor, axis: integer): rnn.Tensor
---@field var fun(self: rnn.Tensor, axes?: integer|integer[], keep?: boolean, correction?: integer): rnn.Tensor
---@field where fun(self: rnn.Tensor, a: rnn.Tensor|number, b: rnn.Tensor|number): rnn.Tensor
---@field windows fun(self: rnn.Tensor, starts: rnn.Tensor, length: integer): rnn.Tensor
---@field zero_padding fun(self: rnn.Tensor): rnn.Tensor
local Tensor = {}
local core = {}

--- rnn.archive_read(path) -> tensors, metadata | nil, message, code
---
--- All tensors of a safetensors file by their names, and its text entries. Floats become float, integers int32, bool a
--- mask, float 0 and 1. Loading runs no code. Errors: a path that is no string, and the name of a tensor of a type that
--- is not known here: the others are read. A file that cannot be read or is not sound gives nil and a message, as does
--- an element that the type it becomes cannot hold.
---@param path string
---@return table<string, rnn.Tensor>? tensors of the shapes in the file
---@return table<string, string>|string
---@return string? code
function rnn.archive_read(path) end

--- core.archive_map(path) -> tensors, metadata | nil, message, code
---
--- As rnn.archive_read, but the values stay in the file: data.open. Errors: a path that is no string, and the name of a
--- tensor whose values do not lie in the file as they do in memory.
---@param path string
---@return table<string, rnn.Tensor>? tensors of the shapes in the file
---@return table<string, string>|string
---@return string? code
function core.archive_map(path) end

--- rnn.archive_write(path, tensors [, metadata [, forms]]) -> true | nil, message, code
---
--- Writes a safetensors file, whole or not at all; with forms each tensor in its form (rnn.form), else floats as F32. Errors: names that are no strings, values that are no tensors; a
--- file that cannot be written gives nil and a message, and the old one stays.
---@param path string
---@param tensors table<string, rnn.Tensor> of any shape
---@param metadata? table<string, string>
---@param forms? boolean
---@return true?
---@return string? message
---@return string? code
function rnn.archive_write(path, tensors, metadata, forms) end

--- core.tensor_of_bytes(bytes, type, shape) -> tensor | nil, message, code
---
--- The little-endian elements of a type of safetensors files ("F32", "I64"), row by row, as a tensor of a shape. Errors:
--- arguments of another type; another number of bytes, a type that is not read, or an element that the type it becomes
--- cannot hold, gives nil and a message.
---@param bytes string
---@param type string
---@param shape integer[]
---@return rnn.Tensor?
---@return string? message
---@return string? code
function core.tensor_of_bytes(bytes, type, shape) end

--- core.tensor_bytes(tensor) -> bytes
---
--- Its elements, row by row and little-endian: of a float tensor floats of the working precision, of an int32 one
--- integers of 32 bits. Errors: what is no tensor.
---@param tensor rnn.Tensor
---@return string
function core.tensor_bytes(tensor) end

--- rnn.npy_read(path) -> tensor | nil, message, code
---
--- The array of one of NumPy's .npy files (numpy.save), of its shape: C or Fortran order, either order of bytes. Floats
--- of 16, 32 and 64 bits become float; integers of 8 to 64 bits int32; bool a mask, float 0 and 1. Loading runs no code.
--- Errors: a path that is no string. A file that cannot be read or is not sound gives nil and a message, as does one of
--- another type (complex, text, dates, records, Python objects), or with an element that the type it becomes cannot hold.
---@param path string
---@return rnn.Tensor?
---@return string? message
---@return string? code
function rnn.npy_read(path) end

--- core.npy_map(path) -> tensor | nil, message, code
---
--- As rnn.npy_read, but the elements stay in the file: data.open. Errors: a path that is no string. Elements that do not
--- lie in the file as they do in memory give nil and a message.
---@param path string
---@return rnn.Tensor?
---@return string? message
---@return string? code
function core.npy_map(path) end

--- rnn.npy_write(path, tensor) -> true | nil, message, code
---
--- Writes a tensor, of any shape, as numpy.load reads it: float32 (float64 with --double) or int32, whole or not at all.
--- Errors: what is no tensor, or has lengths; a file that cannot be written gives nil and a message, and the old one
--- stays.
---@param path string
---@param tensor rnn.Tensor
---@return true?
---@return string? message
---@return string? code
function rnn.npy_write(path, tensor) end

--- rnn.npz_read(path) -> tensors | nil, message, code
---
--- All arrays of one of NumPy's .npz files (numpy.savez, numpy.savez_compressed) by their names, of their shapes, each
--- as rnn.npy_read has it. Errors: a path that is no string, and the name of an array of a type that cannot be read: the
--- others are there. A file that cannot be read or is not sound gives nil and a message, as does an element that the
--- type it becomes cannot hold.
---@param path string
---@return table<string, rnn.Tensor>? tensors
---@return string? message
---@return string? code
function rnn.npz_read(path) end

--- rnn.npz_write(path, tensors [, options]) -> true | nil, message, code
---
--- Writes tensors, of any shapes, by their names as numpy.load reads them, whole or not at all; compress as
--- numpy.savez_compressed does. Errors: names that are no strings, values that are no tensors or have lengths; a file
--- that cannot be written gives nil and a message, and the old one stays.
---@param path string
---@param tensors table<string, rnn.Tensor>
---@param options? { compress?: boolean }
---@return true?
---@return string? message
---@return string? code
function rnn.npz_write(path, tensors, options) end

--- core.file_read(path) -> string | nil, message, code
---
--- The whole of a file: a regular one, or a pipe that is open already, as /dev/stdin is. Errors: a path that is no
--- string; a file that cannot be read, or need not end, as devices, gives nil and a message.
---@param path string
---@return string?
---@return string? message
---@return string? code
function core.file_read(path) end

--- core.file_kind(content) -> string | nil
---
--- What content is, "compressed by gzip", when it is one of those that are taken for text by mistake. Errors: a content
--- that is no string.
---@param content string
---@return string?
function core.file_kind(content) end

--- core.file_write(path, content) -> true | nil, message, code
---
--- Writes a file, whole or not at all. Errors: arguments that are no strings; a file that cannot be written gives nil
--- and a message, and the old one stays.
---@param path string
---@param content string
---@return true?
---@return string? message
---@return string? code
function core.file_write(path, content) end

--- core.make_folder(path) -> true | nil, message, code
---
--- Makes a folder and those above it; one that is there is fine. Errors: a path that is no string; otherwise nil and a
--- message.
---@param path string
---@return true?
---@return string? message
---@return string? code
function core.make_folder(path) end

--- core.folder_list(path) -> names, id | nil, message, code
---
--- The names in a folder, in order by bytes; one that is a folder itself, or a link to one, ends with "/". Two ways to the
--- same folder give the same id. Errors: a path that is no string; otherwise nil and a message.
---@param path string
---@return string[]?
---@return integer|string id or message
---@return string? code
function core.folder_list(path) end

--- core.audio_read(path) -> samples, rate | nil, message, code
---
--- What audio.read is made of. Errors: a path that is no string; a file that cannot be read gives nil and a message.
---@param path string
---@return rnn.Tensor? float (L), or (L, channels)
---@return integer|string rate or message
---@return string? code
function core.audio_read(path) end

--- core.audio_write(path, samples, rate) -> true | nil, message, code
---
--- What audio.write is made of. Errors: samples that are not finite floats (L) or (L, channels), a rate below 1; a file
--- that cannot be written gives nil and a message.
---@param path string
---@param samples rnn.Tensor
---@param rate integer
---@return true?
---@return string? message
---@return string? code
function core.audio_write(path, samples, rate) end

--- core.audio_resample(samples, from, to) -> samples
---
--- What audio.resample is made of. Errors: samples that are not finite floats (L) or (L, channels), rates that are not
--- positive or further apart than a factor of 256.
---@param samples rnn.Tensor
---@param from number
---@param to number
---@return rnn.Tensor
function core.audio_resample(samples, from, to) end

--- core.audio_features(samples, options) -> (T, D)
---
--- What audio.log_mel and audio.mfcc are made of. Without coefficients, or with 0, it is log-mel. Errors: samples that
--- are not finite floats (L), options that do not fit together.
---@param samples rnn.Tensor (L)
---@param options { rate: number, window: integer, hop: integer, fft: integer, bands: integer, coefficients?: integer, fmin: number, fmax: number, top_db: number }
---@return rnn.Tensor
function core.audio_features(samples, options) end

--- core.bundle_read(path, most [, foreign = false]) -> files | nil, message, code
---
--- The files in a ZIP archive, { { name = "a/b.txt", bytes = "..." }, ... }, in their order there. Names that lead out of
--- the folder that one unpacks into, two that differ in capitals only, links, and what is no member of the archive make
--- it unsound, as does more than most bytes; of a foreign archive, which another program has written, folders and what is
--- no member are passed over. Errors: arguments of another type; a file that cannot be read or is not sound gives nil and
--- a message.
---@param path string
---@param most integer
---@param foreign? boolean
---@return { name: string, bytes: string }[]?
---@return string? message
---@return string? code
function core.bundle_read(path, most, foreign) end

--- core.inflate(packed, size) -> bytes | nil, message, code
---
--- The size bytes that a stream of zlib's stands for. Errors: arguments of another type; a stream that is damaged, or
--- stands for more or fewer bytes, gives nil and a message.
---@param packed string
---@param size integer
---@return string?
---@return string? message
---@return string? code
function core.inflate(packed, size) end

--- core.bundle_write(path, files) -> true | nil, message, code
---
--- Writes files into a ZIP archive in the order given, whole or not at all; equal files give equal bytes. compress: by
--- deflate. Errors: files that are not as in rnn.bundle_read; one that cannot be written gives nil and a message.
---@param path string
---@param files { name: string, bytes: string, compress?: boolean }[]
---@return true?
---@return string? message
---@return string? code
function core.bundle_write(path, files) end

--- core.sha256(value) -> string
---
--- SHA-256 in 64 hexadecimal digits, of a string, or of the elements of a tensor, in rows as in a safetensors file.
--- Errors: anything else.
---@param value rnn.Tensor|string of any shape
---@return string
function core.sha256(value) end

--- core.file_sha256(path) -> string, size | nil, message, code
---
--- SHA-256 of the bytes of a file in 64 hexadecimal digits, as sha256sum has it, and how many bytes it has. Errors: a path
--- that is no string; what cannot be read, or is no regular file, gives nil and a message.
---@param path string
---@return string?
---@return integer|string
---@return string? code
function core.file_sha256(path) end

--- core.files_used() -> files, scripts
---
--- What was done with each file, by its path: "read"; "write", which may have been read afterwards; "changed", read and
--- then written. And the Lua files that the program has loaded, with their text, in order. Never an error.
---@return table<string, string>
---@return { path: string, module?: string, text: string }[]
function core.files_used() end

--- core.built_with() -> compiler, libc
---
--- The compiler of this program, and the release of the C library that it runs with. Never an error.
---@return string
---@return string
function core.built_with() end

--- core.folder_scratch() -> path | nil, message, code
---
--- A new, empty folder in that of the variable TMPDIR, else in /tmp, for this user alone. Never an error.
---@return string?
---@return string? message
---@return string? code
function core.folder_scratch() end

--- core.folder_remove(path) -> true | nil, message, code
---
--- Removes a folder and all that is in it; links are removed, not followed. Errors: a path that is no string; what cannot
--- be removed gives nil and a message.
---@param path string
---@return true?
---@return string? message
---@return string? code
function core.folder_remove(path) end

--- core.folder_files(path) -> sizes | nil, message, code
---
--- The sizes of all regular files in a folder and in those below it, by their paths; links are not followed. Errors: a
--- path that is no string; a folder that cannot be read gives nil and a message.
---@param path string
---@return table<string, integer>?
---@return string? message
---@return string? code
function core.folder_files(path) end

--- rnn.csv_read(path [, options]) -> table | nil, message, code
---
--- What data.csv is made of: { rows = n, separator =, { name =, type =, values = numbers or tensor, words = strings,
--- zone = of dates with an offset from UTC, odd = { row =, text = } where a cell made a column text }, ... }. Errors:
--- options that are none; a file that cannot be read gives nil and a message that names file, row and column.
---@param path string
---@param options? data.csv.Options
---@return table?
---@return string? message
---@return string? code
function rnn.csv_read(path, options) end

--- rnn.csv_open(path [, options]) -> next | nil, message, code
---
--- What data.csv_stream is made of: next(rows) gives the next part of the file, of so many rows or a few more, as
--- csv_read does, and one of 0 rows at its end; next() closes the file. Errors as in csv_read.
---@param path string
---@param options? data.csv.Options
---@return function?
---@return string? message
---@return string? code
function rnn.csv_open(path, options) end

--- core.date_read(text) -> month_first, day_first | nil
---
--- A date as data.csv reads it, in microseconds since 1970-01-01 UTC, or of the wall clock where it has no offset: with
--- the month first and with the day first, nil for an order in which it is no date. Errors: a text that is no string.
---@param text string
---@return integer? month_first
---@return integer? day_first
function core.date_read(text) end

--- core.events_open(folder) -> file | nil, message, code
---
--- A new event file for TensorBoard: what rnn.logs.writer is made of. Errors: a folder that is no string; one that
--- cannot be written gives nil and a message.
---@param folder string
---@return userdata?
---@return string? message
---@return string? code
function core.events_open(folder) end

--- rnn.histogram(x) -> table
---
--- How the elements of x are distributed, in TensorBoard's classes, which grow by a tenth: { count =, not_finite =,
--- min =, max =, sum =, sum_squares =, limits = {...}, counts = {...} }. Errors: a value that is no tensor.
---@param x rnn.Tensor of any shape
---@return table
function rnn.histogram(x) end

--- core.png_encode(picture) -> string
---
--- A picture as the bytes of a PNG file: grey, grey and alpha, RGB or RGBA. Errors: another shape.
---@param picture rnn.Tensor (H, W) or (H, W, 1 to 4): floats from 0 to 1, or int32 from 0 to 255
---@return string
function core.png_encode(picture) end

--- rnn.json_encode(value [, options]) -> string
---
--- A value as JSON. A table with the keys 1 .. n is an array, an empty one an object; rnn.null is null. Errors: values
--- that JSON has not: functions, tensors, NaN, tables that contain themselves. The message has the path to it.
---@param value any
---@param options? { indent?: integer, sort?: boolean } sort: keys in order, so that equal values give equal strings
---@return string
function rnn.json_encode(value, options) end

--- rnn.json_decode(text) -> value | nil, message, code
---
--- The value of a JSON text; null becomes rnn.null. Errors: a text that is no string; one that is no JSON gives nil
--- and a message with its line.
---@param text string
---@return any
---@return string? message
---@return string? code
function rnn.json_decode(text) end

--- numbers:get(i) -> number
---
--- One of them as the file has it, nan where missing: an integer in a column of whole numbers beyond 2^53, else a
--- float. Errors: an i outside 1 .. #numbers.
---@param i integer
---@return number
function numbers:get(i) end

--- numbers:totable() -> array of numbers
---
--- All of them, as get gives them. Never an error.
---@return number[]
function numbers:totable() end

--- numbers:type() -> "double" | "int64"
---
--- int64 where all are whole and some of them beyond 2^53. Never an error.
---@return string
function numbers:type() end

--- numbers:tensor([what]) -> tensor
---
--- As a float tensor of shape (rows), nan where missing. Fractions are rounded to the working precision. Errors: a
--- whole number that it would round, a number beyond its range; subtract or divide first, as in
--- (numbers - 1700000000) / 60.
---@param what? string what stands in the message for the numbers
---@return rnn.Tensor
function numbers:tensor(what) end

--- numbers:argsort() -> tensor
---
--- The places (from 1) that put them into ascending order; stable, missing ones last. Errors: too little memory.
---@return rnn.Tensor int32 (rows)
function numbers:argsort() end

--- numbers:gather(ids) -> numbers
---
--- Those at the places ids, an int32 tensor of shape (n); 0 gives a missing one. Errors: places outside 0 .. #numbers.
---@param ids rnn.Tensor
---@return rnn.Numbers
function numbers:gather(ids) end

--- numbers:missing() -> tensor
---
--- 1 where one is missing, else 0; of shape (rows). Never an error.
---@return rnn.Tensor
function numbers:missing() end

--- numbers:fill([value]) -> numbers
---
--- A number in place of the missing ones, or without one the number before each. Errors: a fraction among integers, an
--- integer among doubles that none of them is.
---@param value? number
---@return rnn.Numbers
function numbers:fill(value) end

--- numbers:eq(other) -> tensor
---
--- 1 where both are the same number, else 0; of shape (rows). other: numbers, or a number for all rows. Errors: numbers
--- of another count.
---@param other rnn.Numbers|number
---@return rnn.Tensor
function numbers:eq(other) end

--- numbers:ne(other) -> tensor
---
--- 1 where they differ, or one is missing, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor
function numbers:ne(other) end

--- numbers:lt(other) -> tensor
---
--- 1 where one is less, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor
function numbers:lt(other) end

--- numbers:le(other) -> tensor
---
--- 1 where one is less or equal, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor
function numbers:le(other) end

--- numbers:gt(other) -> tensor
---
--- 1 where one is greater, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor
function numbers:gt(other) end

--- numbers:ge(other) -> tensor
---
--- 1 where one is greater or equal, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor
function numbers:ge(other) end

--- numbers:ranges(first, last, how) -> numbers
---
--- For each i what rows first[i] to last[i] come to, as how says: "count", "sum", "mean", "min", "max", "std", "var",
--- "median", "first" or "last". Missing ones do not count; where none is left the result is missing, but a count is 0.
--- first, last: int32 of the same shape (n). Errors: rows that are not there.
---@param first rnn.Tensor
---@param last rnn.Tensor
---@param how string
---@return rnn.Numbers
function numbers:ranges(first, last, how) end

--- numbers:match(others) -> tensor
---
--- For each of others the first place of that number, 0 where there is none; int32, of the shape (rows) of others.
--- Errors: doubles with int64.
---@param others rnn.Numbers
---@return rnn.Tensor
function numbers:match(others) end

--- numbers:describe() -> table
---
--- { missing =, distinct =, least =, most =, mean = }: how many are missing, how many differ (nil beyond 65536), and
--- the least, greatest and mean of the others (nil where there are none). Never an error.
---@return table
function numbers:describe() end

--- numbers:diff() -> numbers
---
--- Each less the one before, one fewer than there are; missing where either is. Never an error.
---@return rnn.Numbers
function numbers:diff() end

--- numbers:counts() -> values, counts | nil
---
--- Which whole numbers there are, in ascending order, and how often each; nil when more than 65536 differ.
--- Errors: numbers that are no whole ones.
---@return rnn.Numbers? values
---@return rnn.Numbers? counts
function numbers:counts() end

--- numbers:to_wall(zone) -> numbers
---
--- What clocks of a zone show at these times, both in microseconds since 1970-01-01. zone: "UTC", "+02:00" or a name
--- like "Europe/Berlin". Errors: a zone that is none.
---@param zone string
---@return rnn.Numbers
function numbers:to_wall(zone) end

--- numbers:to_utc(zone) -> numbers | nil, message
---
--- The times at which clocks of a zone show these. Of a time that clocks show twice, as they go back, the second one is
--- meant where the row before is not earlier. nil and a message for a time that clocks skipped. Errors: as in to_wall.
---@param zone string
---@return rnn.Numbers?
---@return string? message
function numbers:to_utc(zone) end

--- numbers:date_part(part) -> numbers
---
--- Of days since 1970-01-01 the "year", "month", "day", "dayofyear" or "week" (ISO 8601). Errors: another part, numbers
--- that are no whole ones.
---@param part string
---@return rnn.Numbers
function numbers:date_part(part) end

--- rnn.numbers(values [, missing [, what]]) -> numbers
---
--- Numbers of an array, or of a tensor of shape (rows); in an int32 tensor the number missing stands for a missing one.
--- An array of integers gives int64, and so does one in which an integer is beyond 2^53 where doubles have gaps; nan,
--- or among integers math.mininteger, is a missing one. Errors: an element that is no number, fractions beside an
--- integer that no double is, a tensor of several axes.
---@param values number[]|rnn.Tensor
---@param missing? integer
---@param what? string what stands in messages for the numbers
---@return rnn.Numbers
function rnn.numbers(values, missing, what) end

--- numbers:double() -> numbers
---
--- The same as doubles, rounded beyond 2^53. Never an error.
---@return rnn.Numbers
function numbers:double() end

--- numbers:int32([offset]) -> tensor
---
--- As an int32 tensor of shape (rows), less offset; the least int32 where missing. Errors: one that is beyond its range
--- or has a fraction.
---@param offset? integer
---@return rnn.Tensor
function numbers:int32(offset) end

--- core.is_numbers(value) -> boolean
---
--- Whether a value is rnn.Numbers, as frame:column gives them. Never an error.
---@param value any
---@return boolean
function core.is_numbers(value) end

--- core.png_write(path, width, height, list) -> true | nil, message, code
---
--- Draws the display list of a plot into a PNG file: what figure:save is made of; list.scale (1) is pixels for each
--- unit of the list. There only when rnnlua was built with cairo. Errors: a list that is none; a file that cannot be
--- written, or a cairo that is not there, gives nil and a message.
---@param path string
---@param width integer pixels
---@param height integer pixels
---@param list table
---@return true?
---@return string? message
---@return string? code
function core.png_write(path, width, height, list) end

--- core.pdf_write(path, width, height, list) -> true | nil, message, code
---
--- Draws the display list of a plot onto the one page of a PDF file, with its fonts; a unit of the list is a point. Equal
--- lists give equal files, as no date is kept. There only when rnnlua was built with cairo. Errors: as rnn.png_write.
---@param path string
---@param width integer points
---@param height integer points
---@param list table
---@return true?
---@return string? message
---@return string? code
function core.pdf_write(path, width, height, list) end

--- core.file_append(path, content) -> size | nil, message, code
---
--- Adds to the end of a file; all of it is on the disk then, or none. Errors: arguments that are no strings; a file
--- that cannot be written gives nil and a message.
---@param path string
---@param content string
---@return integer? size of the file
---@return string? message
---@return string? code
function core.file_append(path, content) end

--- core.file_truncate(path, size) -> true | nil, message, code
---
--- Cuts a file to size bytes. Errors: a size that is no integer of at least 0; a shorter file gives nil and a message.
---@param path string
---@param size integer
---@return true?
---@return string? message
---@return string? code
function core.file_truncate(path, size) end

--- core.file_is_there(path) -> boolean | nil, message, code
---
--- Is there a file, a folder or anything else of that name? false only where it is certain that there is none; what
--- cannot be found out gives nil and a message. A link is there whether or not it leads anywhere. Errors: a path that is
--- no string.
---@param path string
---@return boolean?
---@return string? message
---@return string? code
function core.file_is_there(path) end

--- core.file_status(path) -> size, changed, number | nil, message, code
---
--- The bytes of a file, when it was last written, in seconds since 1970, and the number that the file system has for it.
--- It is not opened. Errors: a path that is no string; a file that is not there gives nil and a message.
---@param path string
---@return integer? size
---@return number|string changed
---@return integer|string? number
function core.file_status(path) end

--- core.checksum(value) -> integer
---
--- 64 bits that differ when two strings do, or the types, shapes or values of two tensors: for telling whether something
--- is still the same, not against people who want it to look so. Errors: anything else.
---@param value rnn.Tensor|string of any shape
---@return integer
function core.checksum(value) end

--- core.file_sweep(path)
---
--- Removes what killed processes left of unfinished writes to path. Errors: a path that is no string.
---@param path string
function core.file_sweep(path) end

--- core.file_lock(path) -> lock | nil, message, code
---
--- Keeps other processes out until lock:close() or the end of the process. Errors: a path that is no string; a file
--- that somebody else has locked gives nil and a message.
---@param path string
---@return userdata?
---@return string? message
---@return string? code
function core.file_lock(path) end

--- core.fail(format, ...)
---
--- Raises an error at the line of the user's script, not of the library: core.fail("Model: expected (N, T), got %s",
--- shape). The arguments go through string.format. Errors: always.
---@param format string
---@param ... any
function core.fail(format, ...) end

--- rnn.threads([n]) -> integer
---
--- How many threads compute; with an argument it is set. Results do not depend on it. Errors: an n that is not from 1
--- to 256.
---@param n? integer
---@return integer
function rnn.threads(n) end

--- core.regions([on]) -> list or nil
---
--- What more cores would give: with true, what is cut into tasks runs one task after the other, and for each place in the
--- source calls, tasks, the seconds of all tasks (work) and of the longest one of each call (longest) are summed, until
--- false. Without an argument, what has been recorded so far; tests/bench/scaling.lua reads it. Errors: another argument.
---@param on? boolean
---@return { name: string, calls: integer, tasks: integer, work: number, longest: number }[]?
function core.regions(on) end

--- core.peak() -> number
---
--- Multiply-adds a second that one core can do, measured on the spot with numbers in registers alone, in 20 milliseconds:
--- what products are held against. Never an error.
---@return number
function core.peak() end

--- rnn.blas([name]) -> name
---
--- Who computes large matrix products: "own", our kernels, or "openblas" (also rnnlua --blas); with an argument it is
--- chosen. OpenBLAS's results differ in their last bits from one processor to another. It is the default only where
--- no kernels of ours were made for the processor. Errors: another name; openblas where it is missing or older than
--- 0.3.21, and with --deterministic.
---@param name? "own"|"openblas"
---@return "own"|"openblas"
function rnn.blas(name) end

--- core.low_isa() -> string
---
--- The instruction set that computes products in bf16 and int8: "amx", "avx512-dot", "x86-64-v4" ...; "none" with
--- --double. Never an error.
---@return string
function core.low_isa() end

--- core.bf16([on]) -> before
---
--- Whether products of floats are computed in bf16; with an argument it is switched. rnn.precision is for users. Errors: an
--- argument that is no boolean; true with --double.
---@param on? boolean
---@return boolean before
function core.bf16(on) end

--- core.form(tensor [, name]) -> name
---
--- The form of a tensor, "float", "bf16" or "int8": what products with it are computed in, and what files hold it in; with
--- an argument it is set, which rounds the values. model:to and model:quantise are for users. Errors: what is no float
--- tensor, or a view; another name; a form other than "float" with --double; int8 of what is no matrix or not finite.
---@param tensor rnn.Tensor of any shape
---@param name? "float"|"bf16"|"int8"
---@return "float"|"bf16"|"int8"
function core.form(tensor, name) end

--- rnn.check_finite([on]) -> before
---
--- On: every op's results, and every gradient that an op makes, must be finite; the first that is not is an error that
--- names the op, the element (of sequences: sample and time step) and the line of the script. Slow: it is for finding out
--- where a NaN comes from, which rnn.fit does by itself. Without on nothing changes. Errors: an argument that is no boolean.
---@param on? boolean
---@return boolean before
function rnn.check_finite(on) end

--- rnn.memory() -> table
---
--- Bytes of tensors: live now, peak since rnn.reset_peak, cached for new ones, allocated so far in all. Never an error.
---@return { live: integer, peak: integer, cached: integer, allocated: integer }
function rnn.memory() end

--- rnn.reset_peak()
---
--- Lets the peak of rnn.memory begin at what is live now. Never an error.
function rnn.reset_peak() end

--- rnn.memory_limit(bytes)
---
--- More memory for tensors than this is an error, "not enough memory", and the program goes on. Errors: a number that
--- is no integer of at least 0; 0 stands for no limit.
---@param bytes integer
function rnn.memory_limit(bytes) end

--- core.fail_allocation(nth [, count = 1]) -> integer
---
--- For tests: the nth request for memory from now on fails, and count in all. Errors: arguments that are no integers.
---@param nth integer
---@param count? integer
---@return integer requests since the last call
function core.fail_allocation(nth, count) end

--- rnn.clock() -> seconds
---
--- Time that only goes forward, to measure with: differences count. Never an error.
---@return number
function rnn.clock() end

--- rnn.isa() -> string
---
--- The instruction set whose kernels compute: "x86-64-v4". Never an error.
---@return string
function rnn.isa() end

--- core.op_doc(name) -> text, signature, choices | nothing
---
--- The text that the core has for an op, and its arguments as letters (core/internal.h). Errors: a name that is no
--- string.
---@param name string
---@return string? text
---@return string? signature
---@return string[]? choices what its letter c may be
function core.op_doc(name) end

--- rnn.custom(functions) -> function
---
--- An operation with a gradient of one's own: op = rnn.custom { forward = f, backward = g }. A call op(x, ...) calls
--- f(ctx, x, ...), without recording, and gives the tensors that it returns, with a history; backward calls g(ctx, dy,
--- ...) with the gradient of each of them, of its shape and lengths, and g returns a gradient for each argument of op, of
--- its shape: nil for none, and for what is no tensor. ctx is a table for what g needs; ctx.needs_input_grad says of each
--- argument whether its gradient is wanted. Tensors in ctx must not be changed in place before backward. f and g may use
--- any op, and g rnn.grad of a computation of its own. Errors: those of f and g; gradients of other shapes or too few; a
--- yield out of f or g.
---@param functions { forward: function, backward: function }
---@return function op (...) -> tensors of the shapes that f gives them
function rnn.custom(functions) end

--- rnn.recording([on]) -> boolean
---
--- Whether ops are recorded for backward; with an argument it is switched, and what it was is returned. rnn.no_grad is
--- safer, as it switches back. There is one switch for all coroutines. Errors: an argument that is no boolean.
---@param on? boolean
---@return boolean
function rnn.recording(on) end

--- rnn.no_grad(f, ...) -> results of f
---
--- Calls f(...), such as a model, without recording: no memory is kept for backward. Errors: an f that cannot be called,
--- a yield out of f, which would leave recording off elsewhere, and the errors of f.
---@param f function|nn.Module
---@param ... any
---@return any ... what f returned
function rnn.no_grad(f, ...) end

--- core.finally(name, after, f, ...) -> results of f
---
--- Calls f(...), which changes something for a while, then after(), however f ended, also in a coroutine that an error
--- ends (where variables to be closed wait for coroutine.close). Errors: those of f and after, and a yield out of f, with
--- which the change would last; it is said to come from the function name.
---@param name string
---@param after function
---@param f function
---@param ... any
---@return any ... what f returned
function core.finally(name, after, f, ...) end

--- rnn.grad(loss, tensors [, options]) -> gradients
---
--- The gradients of loss by tensors: parameters, or results on the way to it. They are values: no x.grad changes, and
--- they have no history, as there are no second derivatives (rnn.hvp gives their products with a vector). Only the
--- history between loss and tensors is used, and forgotten; with retain_graph it stays, so that it can be gone through
--- again. gradient is that of loss, of its shape, and 1 for a scalar. Errors: as of x:backward; a tensor that requires no
--- gradient; one that loss does not depend on, for which there are zeros with allow_unused.
---@param loss rnn.Tensor of one element, or of any shape with the option gradient
---@param tensors rnn.Tensor|rnn.Tensor[] of any shapes
---@param options? { gradient?: rnn.Tensor, retain_graph?: boolean, allow_unused?: boolean }
---@return rnn.Tensor|rnn.Tensor[] gradients of the shapes and with the lengths of tensors; one for one tensor
function rnn.grad(loss, tensors, options) end

--- core.tensor_text(x, columns) -> string
---
--- A tensor as text in lines of at most so many columns: rows of matrices that are longer are cut in their middle.
---@param x rnn.Tensor of any shape
---@param columns integer at least 20
---@return string
function core.tensor_text(x, columns) end

--- core.shard_take(params, buffers, before, rows, sum, adds) -> there
---
--- Moves the gradients of params, and rows times how far buffers are from before, into sum, or adds them to it; buffers
--- become before. there has "1" for what has a gradient or has moved, else "0". Errors: a sum that is too short, an int32
--- buffer that has changed.
---@param params rnn.Tensor[] of any shape
---@param buffers rnn.Tensor[] of any shape
---@param before rnn.Tensor[] of the shapes of buffers
---@param rows number
---@param sum rnn.Tensor (n), as many as they all have elements
---@param adds boolean
---@return string there
function core.shard_take(params, buffers, before, rows, sum, adds) end

--- core.shard_add(sum, other)
---
--- sum += other, in place, without history. Errors: other lengths.
---@param sum rnn.Tensor (n)
---@param other rnn.Tensor (n)
function core.shard_add(sum, other) end

--- core.shard_give(params, buffers, sum, there, rows)
---
--- The gradients of params become those of a sum (of those without a mark in there nil), and buffers move by their part
--- of it over rows. Errors: a sum or marks of another length.
---@param params? rnn.Tensor[] of any shape; nil: gradients stay
---@param buffers? rnn.Tensor[] of any shape, the last of sum; nil: they stay
---@param sum rnn.Tensor (n)
---@param there string as rnn.shard_take gives it, of params or of buffers alone where the others are nil
---@param rows number
function core.shard_give(params, buffers, sum, there, rows) end

--- core.tensor_bytes(x) -> string
---
--- The elements as they lie in memory, row by row, without lengths. Never an error but for what is no tensor.
---@param x rnn.Tensor of any shape
---@return string
function core.tensor_bytes(x) end

--- core.tensor_fill(x, bytes) -> x
---
--- The reverse of rnn.tensor_bytes, into a tensor of the same type and size. Errors: another number of bytes.
---@param x rnn.Tensor of any shape
---@param bytes string
---@return rnn.Tensor x itself
function core.tensor_fill(x, bytes) end

--- core.tensor_address(x) -> lightuserdata
---
--- Where the elements lie in memory, for modules in C that read or write them while x is kept. Errors: a tensor that
--- does not lie row by row.
---@param x rnn.Tensor of any shape
---@return lightuserdata
function core.tensor_address(x) end

--- core.stepper(layer, parts, batch, kind [, residual])
---
--- Prepares a recurrent layer for single steps, with its weights packed, and keeps what it made in kind[1]: see rnn.step.
--- Each part has a description (rnn.recurrent) and the names of its weights in layer. kind is the metatable of the
--- layer's states. With residual, each part after the first adds its input to its output. Errors: as rnn.recurrent.
---@param layer table
---@param parts table[] { description =, names = } each
---@param batch integer
---@param kind table
---@param residual? boolean
function core.stepper(layer, parts, batch, kind, residual) end

--- core.step([otherwise]) -> function(layer, x, state [, into]) -> y, state
---
--- A function for one time step with what core.stepper has prepared. A state is a list of tensors, h (and c) of each part,
--- with the metatable that the stepper was made for; y and the new state are new tensors, or those of into, another
--- state of the layer's or the same. Where there is no stepper, a weight has changed, or x or a state is of another size,
--- it returns otherwise(layer, x, state, into), or nothing.
--- Errors: an otherwise that is no function; its own.
---@param otherwise? function
---@return function
function core.step(otherwise) end

--- rnn.zeros(n, m, ...) -> tensor
---
--- A tensor of zeros of any shape; no sizes make a scalar. rnn.zeros(2, 3), rnn.zeros { 2, 3 }, and with a type
--- rnn.zeros { 2, 3, type = "int32" }. Errors: sizes that are not whole or are negative, more than 6 axes, too little
--- memory.
---@param ... integer|table sizes of the axes, or one table of them with an optional type, "float" or "int32"
---@return rnn.Tensor of shape (n, m, ...)
function rnn.zeros(...) end

--- rnn.ones(n, m, ...) -> tensor
---
--- A tensor of ones; sizes, type and errors as for rnn.zeros.
---@param ... integer|table sizes of the axes, or one table of them with an optional type, "float" or "int32"
---@return rnn.Tensor of shape (n, m, ...)
function rnn.ones(...) end

--- rnn.full(shape, value) -> tensor
---
--- A tensor in which every element is value: rnn.full({ 2, 3 }, 0.5). Errors: as rnn.zeros, and a value that the type
--- cannot hold.
---@param shape table { n, m, ... }, with type = "int32" for ids
---@param value number
---@return rnn.Tensor of shape (n, m, ...)
function rnn.full(shape, value) end

--- rnn.rand(n, m, ...) -> tensor
---
--- Random numbers, uniform from 0 to below 1. Errors: as rnn.zeros; the type int32.
---@param ... integer|table sizes of the axes, or one table of them
---@return rnn.Tensor of shape (n, m, ...)
function rnn.rand(...) end

--- rnn.randn(n, m, ...) -> tensor
---
--- Random numbers of the normal distribution with mean 0 and deviation 1. Errors: as rnn.zeros; the type int32.
---@param ... integer|table sizes of the axes, or one table of them
---@return rnn.Tensor of shape (n, m, ...)
function rnn.randn(...) end

--- rnn.zeros_like(x) -> tensor
---
--- Zeros of the shape, the type and the lengths of x. Never an error but too little memory.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.zeros_like(x) end

--- rnn.ones_like(x) -> tensor
---
--- Ones of the shape, the type and the lengths of x. Never an error but too little memory.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.ones_like(x) end

--- rnn.full_like(x, value) -> tensor
---
--- A tensor of the shape, the type and the lengths of x in which every element is value. Errors: a value that the type
--- cannot hold.
---@param x rnn.Tensor
---@param value number
---@return rnn.Tensor
function rnn.full_like(x, value) end

--- rnn.rand_like(x) -> tensor
---
--- Random numbers, uniform from 0 to below 1, of the shape and the lengths of x. Errors: an int32 tensor.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.rand_like(x) end

--- rnn.randn_like(x) -> tensor
---
--- Random numbers of the normal distribution with mean 0 and deviation 1, of the shape and the lengths of x. Errors: an
--- int32 tensor.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.randn_like(x) end

--- rnn.eye(n [, m = n]) -> tensor
---
--- Ones on the main diagonal, else zeros. Errors: as rnn.zeros; more than two sizes.
---@param n integer|table the rows; or a table of the sizes, with type = "int32" for integers
---@param m? integer the columns
---@return rnn.Tensor (n, m)
function rnn.eye(n, m) end

--- rnn.arange(n) -> tensor; rnn.arange(from, to [, step = 1])
---
--- The numbers 1 to n; or from, from + step ... up to to, which is included, as Lua's for counts: int32 when from and step
--- are integers, else float. rnn.linspace meets its end exactly. Errors: an n that is no integer from 0 to 2147483647, a
--- step of 0, numbers that the type cannot hold.
---@param from number or n
---@param to? number
---@param step? number
---@return rnn.Tensor of one axis
function rnn.arange(from, to, step) end

--- rnn.linspace(from, to, n) -> tensor
---
--- n numbers at equal distances, the first of them from, the last to; one alone is from. Errors: a negative n, ends that
--- are not finite.
---@param from number
---@param to number
---@param n integer
---@return rnn.Tensor float (n)
function rnn.linspace(from, to, n) end

--- rnn.randperm(n) -> tensor
---
--- The numbers 1 to n in random order. Errors: an n that is no integer from 0 to 2147483647.
---@param n integer
---@return rnn.Tensor int32 (n)
function rnn.randperm(n) end

--- rnn.randint(low, high, n, m, ...) -> tensor
---
--- Random integers from low to high, both included, each as likely as the others. Errors: as rnn.zeros; low above high,
--- numbers that are no int32.
---@param low integer
---@param high integer
---@param ... integer|table sizes of the axes, or one table of them; none make a scalar
---@return rnn.Tensor int32 (n, m, ...)
function rnn.randint(low, high, ...) end

--- rnn.bernoulli(p) -> tensor
---
--- For each probability 1 with that probability, else 0; of the shape and the lengths of p, 0 behind them. Errors:
--- probabilities outside 0 .. 1.
---@param p rnn.Tensor float
---@return rnn.Tensor
function rnn.bernoulli(p) end

--- rnn.multinomial(weights, n [, replacement = false]) -> tensor
---
--- n places drawn from each row of weights, which need not add up to 1: each with the probability of its weight, and
--- without replacement each at most once. (..., K) -> int32 (..., n), places from 1; 0 behind lengths. Errors: weights
--- that are negative or not finite, a row of zeros, more places than have a weight.
---@param weights rnn.Tensor float (..., K)
---@param n integer
---@param replacement? boolean
---@return rnn.Tensor int32 (..., n)
function rnn.multinomial(weights, n, replacement) end

--- rnn.categorical(weights) -> tensor
---
--- One place drawn from each row of weights, as rnn.multinomial does: (..., K) -> int32 (...). Errors: as there.
---@param weights rnn.Tensor float (..., K)
---@return rnn.Tensor int32 (...)
function rnn.categorical(weights) end

--- rnn.tensor(values [, type = "float"]) -> tensor
---
--- A tensor of the numbers in a table, or tables of tables: rnn.tensor { { 1, 2 }, { 3, 4 } } is (2, 2); a number
--- makes a scalar. Errors: tables of unequal lengths side by side, elements that are no numbers, or no int32 where
--- that is asked for; the message says which element.
---@param values number|table
---@param type? "float"|"int32"
---@return rnn.Tensor of the shape of the tables
function rnn.tensor(values, type) end

--- rnn.is_tensor(value) -> boolean
---
--- Whether a value is a tensor. Never an error.
---@param value any
---@return boolean
function rnn.is_tensor(value) end

--- rnn.seed(seed)
---
--- Starts the random numbers anew, those of the library and those of math.random: the same seed gives the same numbers
--- on every machine. rnnlua --seed does the same before the script begins. Errors: a seed that is no integer.
---@param seed integer
function rnn.seed(seed) end

--- rnn.random_state([state]) -> state
---
--- Where the random numbers are: those of the library, and in the field lua those of math.random, as long as that is
--- Lua's own. Given back later, they go on from there; without a field lua math.random stays where it is. Errors: fields
--- that are no integers.
---@param state? { seed: integer, position: integer, lua?: integer[] }
---@return { seed: integer, position: integer, lua?: integer[] }
function rnn.random_state(state) end

--- core.random_position() -> integer, integer
---
--- Of rnn.random_state() the field position and the first integer of the field lua, or nil, without a table: for loops
--- that want to come back to a place. Never an error.
---@return integer
---@return integer?
function core.random_position() end

--- core.trace(samples, widths, f [, lines]) -> trace, results
---
--- Runs f once on tensors (samples, width) without values, one for each of widths, in which a tensor (N, width) stands for its
--- own, and notes the ops that it applies to them instead of computing them. Ops on other tensors compute as always. results are what f returned. With lines each op
--- knows the script's line. Errors: those of f; what has no meaning for all time steps at once: a value that is read,
--- a change in place, random numbers, an op without a rule or one that mixes samples.
---@param samples integer
---@param widths (integer|rnn.Tensor)[]
---@param f function
---@param lines? boolean
---@return userdata trace
---@return any ...
function core.trace(samples, widths, f, lines) end

--- core.trace_results(trace, y, states [, more]) -> boolean
---
--- Are y and states results of a step: (samples, width) each, and as many states, as wide, as the formula has inputs behind the
--- first two? Then they, and more, are a part of its structure from now on. Errors: what rnn.trace did not give.
---@param trace userdata
---@param y any
---@param states table
---@param more? rnn.Tensor[] (samples, width) each
---@return boolean
function core.trace_results(trace, y, states, more) end

--- core.trace_alike(trace, other) -> boolean
---
--- Have two formulas the same structure, results included? Then they differ in the values of captured tensors alone.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param other userdata
---@return boolean
function core.trace_alike(trace, other) end

--- core.trace_same(trace, other) -> boolean
---
--- Are two formulas the same, with the same values in their captured tensors, which neither has given away?
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param other userdata
---@return boolean
function core.trace_same(trace, other) end

--- core.trace_place(trace, x) -> integer
---
--- The number of the op that gives x, from 1; inputs come first. 0 when x is no tensor of the formula.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param x any
---@return integer
function core.trace_place(trace, x) end

--- core.trace_nodes(trace) -> table
---
--- The ops of a formula in order: { op, inputs, dims, integers, numbers, shape, each, line }. inputs are places, or minus the
--- place of a captured tensor; 0 where an optional one is absent. Axes and places count from 0 here.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@return table[]
function core.trace_nodes(trace) end

--- core.trace_captured(trace [, tensors]) -> table [, places]
---
--- The tensors with values that the formula uses, in the order of their places; from then on it holds them no longer. places
--- says of each which of tensors it is, 0 for none of them.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param tensors? rnn.Tensor[] of any shape
---@return rnn.Tensor[] of any shape
---@return integer[]? places
function core.trace_captured(trace, tensors) end

--- core.trace_numbers(trace) -> string
---
--- The values of the numbers (tensors without axes) that the formula uses, as bytes, until rnn.trace_captured.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@return string
function core.trace_numbers(trace) end

--- core.trace_apply(trace, place, tensors ...) -> tensor
---
--- Computes the op of a place on tensors with values, of any number of rows; nil where an optional one is absent.
--- Errors: a place without an op; those of the op.
---@param trace userdata
---@param place integer
---@param ... rnn.Tensor (rows, width) each, or parameters of the op
---@return rnn.Tensor (rows, width)
function core.trace_apply(trace, place, ...) end

--- core.program(text) -> program
---
--- Compiles what rnn.scan runs. text has counts inputs, states; flow, the value that a watch takes for the gradient of the
--- first state; values, a list of { kind, index, width, rows, form, from };
--- forward and backward, lists of instructions { op, to, a, b, c, p, q, add, turned } on values by their number;
--- products, { left, matrix, gradient, turned } each; results, { value, batch } each; watched, { value, activation, gate } each. See core/rnn.h.
--- Errors: what would reach outside of a value or read one that nobody wrote.
---@param text table
---@return userdata
function core.program(text) end

--- core.scan(program, tensors, steps [, reverse [, lengths [, watch]]]) -> tensors ...
---
--- Runs a program over all steps, time-major: tensors are its inputs and the first state of each. Gives the last state of
--- each, (N, width), and the results, (steps N, width) or (N, steps, width). watch is a number as for rnn.recurrent.
--- Errors: tensors that do not fit the program.
---@param program userdata
---@param tensors rnn.Tensor[]
---@param steps integer
---@param reverse? boolean
---@param lengths? rnn.Tensor int32 (N)
---@param watch? integer
---@return rnn.Tensor ...
function core.scan(program, tensors, steps, reverse, lengths, watch) end

--- core.recurrent(description, x, weights [, state]) -> y, state
---
--- One recurrent layer over whole sequences, forward and recorded for backward: what nn.RNN, nn.LSTM and nn.GRU are
--- made of. The description says cell = "rnn", "lstm" or "gru", units, and what else rnn_recurrent in core/rnn.h has.
--- Errors: shapes that do not fit the description; the message names the tensor.
---@param description table
---@param x rnn.Tensor (N, T, D)
---@param weights rnn.Tensor[] weight_ih (G units, D), weight_hh (G units, units), bias_ih, bias_hh (G units)
---@param state? rnn.Tensor[] (N, units) each
---@return rnn.Tensor y (N, T, units), or (N, units) with returns = "last"
---@return rnn.Tensor[] state (N, units) each
function core.recurrent(description, x, weights, state) end

--- core.watched(number) -> figures
---
--- What the last backward pass met in the layer whose description had watch = number: for each step the Euclidean norm
--- of the loss's gradient by h_t over the batch, the share of saturated gate elements (sigmoid below 0.05 or above 0.95)
--- and that of saturated activations (tanh beyond 0.95, ReLU at 0). Reading takes it away. Layers: layer:watch(). Errors:
--- a number that is no integer.
---@param number integer
---@return rnn.Tensor? figures (T, 3), or nil when there was no backward pass since the last reading
function core.watched(number) end

--- core.optimizer_step(options, params, state) -> boolean
---
--- One step over all parameters: what optim.SGD and the others are made of. options has kind = "sgd", "rmsprop",
--- "adam", "adamw" or "nadam", their settings, and step, counted from 1. Errors: a number of state tensors other than
--- that of the kind for each parameter, shapes that differ.
---@param options table
---@param params rnn.Tensor[] of any shape; one without a gradient is left alone
---@param state rnn.Tensor[] of the shapes of params: one each for "sgd", two for the others
---@return boolean whether a parameter had a gradient
function core.optimizer_step(options, params, state) end

--- core.clip_grad_norm(params, max_norm) -> norm, any
---
--- What optim.clip_grad_norm does. Errors: params that are no tensors, a negative max_norm.
---@param params rnn.Tensor[] of any shape
---@param max_norm number
---@return number norm before
---@return boolean whether there was a gradient
function core.clip_grad_norm(params, max_norm) end

--- core.grads_finite(params) -> boolean
---
--- Are all gradients finite? Parameters without one count as such. Errors: params that are no tensors.
---@param params rnn.Tensor[] of any shape
---@return boolean
function core.grads_finite(params) end

--- core.clip_grad_value(params, limit) -> count, any
---
--- What optim.clip_grad_value does. Errors: params that are no tensors, a limit that is no positive number.
---@param params rnn.Tensor[] of any shape
---@param limit number
---@return integer count of the elements that were outside
---@return boolean whether there was a gradient
function core.clip_grad_value(params, limit) end

--- rnn.scale_grad(params, factor)
---
--- Multiplies all gradients. Errors: params that are no tensors, a factor that is no number.
---@param params rnn.Tensor[] of any shape
---@param factor number
function rnn.scale_grad(params, factor) end

--- core.average_step(averages, live, decay)
---
--- Moves each average towards its live tensor: decay * average + (1 - decay) * live. Errors: lists of unequal lengths,
--- shapes that differ.
---@param averages rnn.Tensor[] of any shape
---@param live rnn.Tensor[] of the same shapes
---@param decay number from 0 to 1
function core.average_step(averages, live, decay) end

--- core.linear_forecast(x, starts, length, y, new_x, new_starts) -> forecast
---
--- Fits a linear model with a constant by least squares to the windows of x at starts, whose targets are the rows of y
--- with the same numbers, and applies it to those of new_x at new_starts. Exact: QR in double precision, with a ridge of
--- 1e-20 on scaled columns, so that constant and collinear ones have a well-defined answer. length = 1 tells rows from
--- rows. Nothing is recorded. Errors: windows that lie beyond a tensor, other numbers of columns.
---@param x rnn.Tensor (L, D)
---@param starts rnn.Tensor (N) int32: the first rows of the windows to fit
---@param length integer steps of a window
---@param y rnn.Tensor (M, K), one row for each start
---@param new_x rnn.Tensor (L', D)
---@param new_starts rnn.Tensor (N') int32
---@return rnn.Tensor forecast (N', K)
function core.linear_forecast(x, starts, length, y, new_x, new_starts) end

--- rnn.ridge(x, y, penalty) -> w
---
--- Ridge regression: w (P, K) with the least |x w - y|^2 + penalty |w|^2 for x (R, P) and y (R, K). Normal equations in
--- double, by Cholesky, with the same bits on every machine. Nothing is recorded. A list of penalties gives a list of
--- solutions, which takes hardly longer than one. Errors: other shapes, numbers that are not finite, a penalty that is not
--- positive or too small for columns that depend on each other.
---@param x rnn.Tensor
---@param y rnn.Tensor
---@param penalty number|number[]
---@return rnn.Tensor|rnn.Tensor[] w
function rnn.ridge(x, y, penalty) end

--- core.isatty(stream) -> boolean
---
--- Whether standard input (0), output (1) or error (2) is a terminal. Errors: a stream that is no integer.
---@param stream integer
---@return boolean
function core.isatty(stream) end

--- core.terminal_width([stream = 1]) -> integer
---
--- The columns of the terminal behind standard output (1) or error (2); else of the variable COLUMNS, else 80. Errors: a
--- stream that is no integer.
---@param stream? integer
---@return integer
function core.terminal_width(stream) end

--- core.terminal_rows() -> integer
---
--- The rows of the terminal behind standard output; 24 where there is none. Never an error.
---@return integer
function core.terminal_rows() end

--- core.unicode(stream) -> boolean
---
--- Whether standard output (1) or error (2) can show more than ASCII, by TERM and the locale. What is no terminal gets
--- the same bytes everywhere, in UTF-8. Errors: a stream that is no integer.
---@param stream integer
---@return boolean
function core.unicode(stream) end

--- rnn.abs(x) -> tensor
---
--- |x|; its derivative at 0 is 0. Any shape, float or int32. Errors: a result that no int32 can hold. Errors: an
--- int32 result beyond int32.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.abs(x) end

--- rnn.acos(x) -> tensor
---
--- The angle whose cosine is x, in radians; NaN beyond -1 to 1. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.acos(x) end

--- rnn.add(a, b) -> tensor
---
--- a + b. Broadcast. int32 gives int32, beside a float tensor float. Errors: shapes that do not fit together, an
--- int32 result beyond int32.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.add(a, b) end

--- rnn.all(mask [, axes [, keep]]) -> tensor
---
--- 1 where all elements of a mask, a float tensor of 0 and 1, are 1, else 0, along axes: one, several in a table, or
--- nil for all; keep leaves them with size 1. Over time of a batch with lengths only valid steps count. 1 of nothing.
--- Errors: an axis that x does not have, the batch without time of one with lengths, other values.
---@param mask rnn.Tensor of 0 and 1
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.all(mask, axes, keep) end

--- rnn.any(mask [, axes [, keep]]) -> tensor
---
--- 1 where an element of a mask, a float tensor of 0 and 1, is 1, else 0, along axes: one, several in a table, or nil
--- for all; keep leaves them with size 1. Over time of a batch with lengths only valid steps count. 0 of nothing.
--- Errors: an axis that x does not have, the batch without time of one with lengths, other values.
---@param mask rnn.Tensor of 0 and 1
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.any(mask, axes, keep) end

--- rnn.argmax(x [, axis [, keep]]) -> int32
---
--- Place (from 1) of the largest element along axis, the first of equals, or, without an axis, in row order among all
--- elements of x; keep leaves the axis with size 1. NaN comes before all; 0 of nothing. Errors: an axis that x does
--- not have, the batch without time of one with lengths.
---@param x rnn.Tensor|number
---@param axis? integer from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.argmax(x, axis, keep) end

--- rnn.argmin(x [, axis [, keep]]) -> int32
---
--- Place (from 1) of the smallest element along axis, the first of equals, or, without an axis, in row order among
--- all elements of x; keep leaves the axis with size 1. NaN comes before all; 0 of nothing. Errors: an axis that x
--- does not have, the batch without time of one with lengths.
---@param x rnn.Tensor|number
---@param axis? integer from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.argmin(x, axis, keep) end

--- rnn.argsort(x [, axis [, descending]]) -> int32
---
--- The places (from 1) that put x in order along axis, the last when it is not given: ascending, or with descending
--- from the largest. Equal elements stay as they are; NaN is the largest. Errors: an axis that x does not have, the
--- batch or time of one with lengths.
---@param x rnn.Tensor
---@param axis? integer from 1, or from -1 backwards
---@param descending? boolean
---@return rnn.Tensor
function rnn.argsort(x, axis, descending) end

--- rnn.asin(x) -> tensor
---
--- The angle whose sine is x, in radians; NaN beyond -1 to 1. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.asin(x) end

--- rnn.atan(x) -> tensor
---
--- The angle whose tangent is x, in radians. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.atan(x) end

--- rnn.atan2(y, x) -> tensor
---
--- The angle of the point (x, y), in radians from -pi to pi. Broadcast. Errors: shapes that do not fit together, an
--- int32 that float would round.
---@param y rnn.Tensor|number
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.atan2(y, x) end

--- rnn.batch_norm(x, gain, bias, running_mean, running_variance, momentum, eps, training) -> tensor
---
--- Normalised per feature of the last axis (Ioffe and Szegedy 2015); training updates the running statistics, running
--- = momentum*running + (1-momentum)*batch. Errors: gain, bias or statistics that are not (D); training on one row.
---@param x rnn.Tensor
---@param gain rnn.Tensor
---@param bias rnn.Tensor
---@param running_mean rnn.Tensor
---@param running_variance rnn.Tensor
---@param momentum number
---@param eps number
---@param training boolean
---@return rnn.Tensor
function rnn.batch_norm(x, gain, bias, running_mean, running_variance, momentum, eps, training) end

--- rnn.binary_cross_entropy(logits, target [, sample_weights [, reduction = "mean"]]) -> tensor
---
--- -t log s(y) - (1-t) log(1-s(y)), s the sigmoid; target from 0 to 1, all else is an error. Any shape, over valid
--- steps; none gives the value of each element. sample_weights, with the first axes of the target, says how many
--- times each part counts; reduction "mean", "sum" or "none". Errors: shapes that differ.
---@param logits rnn.Tensor|number
---@param target rnn.Tensor|number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.binary_cross_entropy(logits, target, sample_weights, reduction) end

--- rnn.bincount(ids [, n [, weights]]) -> int32
---
--- (n): how often each id 1 .. n (int32, any shape) comes, or, float, the sum of their weights, of the shape of ids.
--- Id 0 and padding are not counted. Without n: up to the largest id. Errors: ids below 0 or above n, weights of
--- another shape.
---@param ids rnn.Tensor
---@param n? integer
---@param weights? rnn.Tensor
---@return rnn.Tensor
function rnn.bincount(ids, n, weights) end

--- rnn.broadcast_to(x, shape) -> tensor
---
--- x repeated to a shape it can be broadcast to; -1 is the size that x has there. Errors: a shape that x cannot
--- become.
---@param x rnn.Tensor
---@param shape integer[] sizes, in a table or one by one
---@return rnn.Tensor
function rnn.broadcast_to(x, shape) end

--- rnn.ceil(x) -> tensor
---
--- The smallest integer not below x. Any shape, float or int32. Errors: a result that no int32 can hold. Never an
--- error.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.ceil(x) end

--- rnn.clamp(x, low, high) -> tensor
---
--- x limited to [low, high], either of which may be infinite; NaN stays. Any shape, float or int32. Errors: a result
--- that no int32 can hold. Errors: a low above high, for int32 a limit that is none.
---@param x rnn.Tensor|number
---@param low number
---@param high number
---@return rnn.Tensor
function rnn.clamp(x, low, high) end

--- rnn.concat({x, y, ...}, axis) -> tensor
---
--- Joined along an axis they have. Errors: shapes that differ elsewhere, types that differ.
---@param tensors rnn.Tensor[]
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.concat(tensors, axis) end

--- rnn.conv1d(x, weight, bias or nil, stride, dilation, padding) -> tensor
---
--- Convolution over time: x (N, T, in), weight (out, in, taps), bias (out) -> (N, T', out); padding 0 valid, 1
--- causal, 2 same. Errors: shapes that do not fit together, fewer steps than the taps span.
---@param x rnn.Tensor
---@param weight rnn.Tensor
---@param bias? rnn.Tensor
---@param stride integer
---@param dilation integer
---@param padding integer
---@return rnn.Tensor
function rnn.conv1d(x, weight, bias, stride, dilation, padding) end

--- rnn.cos(x) -> tensor
---
--- Cosine, x in radians. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.cos(x) end

--- rnn.cosh(x) -> tensor
---
--- Hyperbolic cosine. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.cosh(x) end

--- rnn.cross_entropy(logits, labels [, weights [, smoothing = 0 [, padded = false [, sample_weights [, reduction = "mean"]]]]]) -> tensor
---
--- -log softmax(logits)[label]: logits (..., V), labels (...) int32 from 1; label 0 is padding, which is left out,
--- and an error before the end of a sequence where padded is not said; weights (V) of the classes, over whose sum the
--- mean is; smoothing is shared evenly among the classes; none gives the value of each label. sample_weights, with
--- the first axes of the target, says how many times each part counts; reduction "mean", "sum" or "none". Errors:
--- labels outside 0 .. V, one class only (V = 1), labels of another shape, weights that are not (V).
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param weights? rnn.Tensor
---@param smoothing? number
---@param padded? boolean
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.cross_entropy(logits, labels, weights, smoothing, padded, sample_weights, reduction) end

--- rnn.ctc_loss(logits, labels [, blank = C [, skip = 0 [, padded = false [, sample_weights [, reduction = "mean"]]]]]) -> tensor
---
--- -log of the probability of labels (N, S) int32 without times, by logits (N, T, C) (Graves et al. 2006); the mean
--- is that of a label, none gives the value of each sequence; skip 1 leaves out sequences with too few frames; label
--- 0 is padding, which wants lengths that end before it or padded. sample_weights, with the first axes of the target,
--- says how many times each part counts; reduction "mean", "sum" or "none". Errors: a blank or labels outside 1 .. C,
--- labels that need more frames than there are.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param blank? integer
---@param skip? integer
---@param padded? boolean
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.ctc_loss(logits, labels, blank, skip, padded, sample_weights, reduction) end

--- rnn.cummax(x, axis) -> values, ids
---
--- The largest element so far along axis, and int32 the place (from 1) where it lies, the first of equals, which
--- takes the gradient; NaN comes before all; int32 gives int32. Errors: an axis that x does not have, the batch of
--- one with lengths.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
---@return rnn.Tensor
function rnn.cummax(x, axis) end

--- rnn.cummin(x, axis) -> values, ids
---
--- The smallest element so far along axis, and int32 the place (from 1) where it lies, the first of equals, which
--- takes the gradient; NaN comes before all; int32 gives int32. Errors: an axis that x does not have, the batch of
--- one with lengths.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
---@return rnn.Tensor
function rnn.cummin(x, axis) end

--- rnn.cumprod(x, axis) -> tensor
---
--- Running product along axis; int32 gives int32. Errors: an axis that x does not have, the batch of one with
--- lengths, an int32 product that overflows.
---@param x rnn.Tensor|number
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.cumprod(x, axis) end

--- rnn.cumsum(x, axis) -> tensor
---
--- Running sum along axis; int32 gives int32. Errors: an axis that x does not have, the batch of one with lengths, an
--- int32 sum that overflows.
---@param x rnn.Tensor|number
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.cumsum(x, axis) end

--- rnn.diag(x [, k = 0]) -> tensor
---
--- The k-th diagonals of matrices (..., n, m) -> (..., l), a copy; or the matrix (n + |k|, n + |k|) that has the
--- vector x (n) there and 0 elsewhere. k < 0 is below the main diagonal. Errors: a scalar.
---@param x rnn.Tensor
---@param k? integer
---@return rnn.Tensor
function rnn.diag(x, k) end

--- rnn.div(a, b) -> tensor
---
--- a / b, float as in Lua. Broadcast. Errors: shapes that do not fit together, an int32 that float would round.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.div(a, b) end

--- rnn.dropout(x, p) -> tensor
---
--- Zeroes elements with probability p and divides the others by 1-p (Srivastava et al. 2014). Any shape. Errors: a p
--- outside 0 .. 1, or 1.
---@param x rnn.Tensor|number
---@param p number
---@return rnn.Tensor
function rnn.dropout(x, p) end

--- rnn.elu(x) -> tensor
---
--- x above 0, e^x - 1 below (Clevert et al. 2016). Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.elu(x) end

--- rnn.embedding(weight, ids) -> tensor
---
--- Row id of weight (V, D) for every id (int32): (...) -> (..., D); id 0 gives zeros. Errors: ids outside 0 .. V.
---@param weight rnn.Tensor
---@param ids rnn.Tensor
---@return rnn.Tensor
function rnn.embedding(weight, ids) end

--- rnn.eq(a, b) -> tensor
---
--- 1 where a == b, else 0; float or int32, exactly. Broadcast. Errors: shapes that do not fit together.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.eq(a, b) end

--- rnn.erf(x) -> tensor
---
--- The error function. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.erf(x) end

--- rnn.exp(x) -> tensor
---
--- e^x. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.exp(x) end

--- rnn.expm1(x) -> tensor
---
--- e^x - 1, also of a small x. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.expm1(x) end

--- rnn.flip(x [, axes]) -> tensor
---
--- x backwards along axes; without any, along all. x:slice(axis, -1, 1, -1) is a view. Errors: an axis that x does
--- not have; along sequences or time of a batch with lengths.
---@param x rnn.Tensor
---@param axes? integer[] axes from 1, or from -1 backwards, in a table or one by one
---@return rnn.Tensor
function rnn.flip(x, axes) end

--- rnn.floor(x) -> tensor
---
--- The largest integer not above x. Any shape, float or int32. Errors: a result that no int32 can hold. Never an
--- error.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.floor(x) end

--- rnn.floor_div(a, b) -> tensor
---
--- a // b: a / b rounded down, as in Lua. Broadcast. int32 gives int32, beside a float tensor float. Errors: shapes
--- that do not fit together, an int32 divided by 0.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.floor_div(a, b) end

--- rnn.fma(a, b, c) -> tensor
---
--- a * b + c as floats, rounded once where the processor has fused multiply-adds. Broadcast. Errors: shapes that do
--- not fit together.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@param c rnn.Tensor|number
---@return rnn.Tensor
function rnn.fma(a, b, c) end

--- rnn.gather(x, axis, ids) -> tensor
---
--- The places ids (int32, one axis, from 1) along axis. Errors: ids outside 1 .. size.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param ids rnn.Tensor
---@return rnn.Tensor
function rnn.gather(x, axis, ids) end

--- rnn.gaussian_nll(mean, target, variance [, sample_weights [, reduction = "mean"]]) -> tensor
---
--- (log v + (y - t)^2 / v) / 2: -log of the normal density of the targets t at means y and variances v, without its
--- constant; v below 1e-6 counts as 1e-6 (Nix, Weigend 1994). Any shape, over valid steps; none gives the value of
--- each element. sample_weights, with the first axes of the target, says how many times each part counts; reduction
--- "mean", "sum" or "none". Errors: shapes that differ.
---@param mean rnn.Tensor|number
---@param target rnn.Tensor|number
---@param variance rnn.Tensor|number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.gaussian_nll(mean, target, variance, sample_weights, reduction) end

--- rnn.ge(a, b) -> tensor
---
--- 1 where a >= b, else 0; float or int32, exactly. Broadcast. Errors: shapes that do not fit together.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.ge(a, b) end

--- rnn.gelu(x) -> tensor
---
--- x times the share of the normal distribution below x, exactly, by erf (Hendrycks and Gimpel 2016). Any shape.
--- Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.gelu(x) end

--- rnn.gt(a, b) -> tensor
---
--- 1 where a > b, else 0; float or int32, exactly. Broadcast. Errors: shapes that do not fit together.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.gt(a, b) end

--- rnn.hard_sigmoid(x) -> tensor
---
--- clamp(x/6 + 1/2, 0, 1), as in Keras 3 and PyTorch. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.hard_sigmoid(x) end

--- rnn.histogram(x [, bins = 10 [, low [, high]]]) -> counts, edges
---
--- int32 (bins): how many elements of x lie in each of so many equal ranges from low to high, and the edges of these,
--- (bins + 1). Each range begins with its lower edge, the last one has both. What lies outside, NaN and padding is
--- not counted. low and high both 0 or not given: the smallest and the largest element. Errors: less than one bin,
--- limits that are no numbers low < high.
---@param x rnn.Tensor
---@param bins? integer
---@param low? number
---@param high? number
---@return rnn.Tensor
---@return rnn.Tensor
function rnn.histogram(x, bins, low, high) end

--- rnn.huber(prediction, target [, delta = 1 [, sample_weights [, reduction = "mean"]]]) -> tensor
---
--- e^2/2 for errors up to delta, delta(|e| - delta/2) beyond (Huber 1964). Any shape, over valid steps; none gives
--- the value of each element. sample_weights, with the first axes of the target, says how many times each part
--- counts; reduction "mean", "sum" or "none". Errors: shapes that differ.
---@param prediction rnn.Tensor|number
---@param target rnn.Tensor|number
---@param delta? number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.huber(prediction, target, delta, sample_weights, reduction) end

--- rnn.index_add(x, axis, ids, y) -> tensor
---
--- x with the places of y along axis added to those that ids (int32, one axis, from 1) name, each as often as it is
--- named. Errors: ids outside 1 .. size, values of another shape or type, int32 sums beyond int32; along sequences or
--- time of a batch with lengths.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param ids rnn.Tensor
---@param y rnn.Tensor
---@return rnn.Tensor
function rnn.index_add(x, axis, ids, y) end

--- rnn.index_put(x, ids, y) -> tensor
---
--- x with y, broadcast to (#ids, ...), at the places ids (int32, from 1) of the first axis; of equal ids the last
--- counts. x[ids] = y does it in place. Errors: ids outside 1 .. size, values of another type.
---@param x rnn.Tensor
---@param ids rnn.Tensor
---@param y rnn.Tensor|number
---@return rnn.Tensor
function rnn.index_put(x, ids, y) end

--- rnn.irfft(X [, n]) -> tensor
---
--- The real sequences (..., n) whose rfft is X (..., frequencies, 2); n is 2 (frequencies - 1), or 2 frequencies - 1
--- for an odd one. Another n cuts X or puts zeros behind it; imaginary parts that rfft makes 0 are not looked at.
--- Errors: n below 1, a last axis that is not 2, int32, an axis that is time of a batch with lengths.
---@param X rnn.Tensor
---@param n? integer
---@return rnn.Tensor
function rnn.irfft(X, n) end

--- rnn.is_finite(x) -> tensor
---
--- 1 where x is a number, 0 where it is NaN or infinite. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.is_finite(x) end

--- rnn.kl_div(log_probabilities, target [, sample_weights [, reduction = "mean"]]) -> tensor
---
--- t (log t - y) of log-probabilities y, such as x:log_softmax(-1), and probabilities t: the Kullback-Leibler
--- divergence of whole distributions is the sum of their elements. Any shape, over valid steps; none gives the value
--- of each element. sample_weights, with the first axes of the target, says how many times each part counts;
--- reduction "mean", "sum" or "none". Errors: shapes that differ.
---@param log_probabilities rnn.Tensor|number
---@param target rnn.Tensor|number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.kl_div(log_probabilities, target, sample_weights, reduction) end

--- rnn.last(x) -> tensor
---
--- Of x (N, T, ...) the last valid step of each sequence, (N, ...); 0 of a sequence without steps. Errors: an x of
--- less than two axes.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.last(x) end

--- rnn.layer_norm(x, gain, bias, eps) -> tensor
---
--- Normalised over the last axis (Ba et al. 2016): x (..., D), gain and bias (D); bias may be nil. Errors: gain or
--- bias that are not (D).
---@param x rnn.Tensor
---@param gain rnn.Tensor
---@param bias? rnn.Tensor
---@param eps number
---@return rnn.Tensor
function rnn.layer_norm(x, gain, bias, eps) end

--- rnn.le(a, b) -> tensor
---
--- 1 where a <= b, else 0; float or int32, exactly. Broadcast. Errors: shapes that do not fit together.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.le(a, b) end

--- rnn.leaky_relu(x, slope) -> tensor
---
--- x above 0, slope*x below. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@param slope number
---@return rnn.Tensor
function rnn.leaky_relu(x, slope) end

--- rnn.linear(x, weight [, bias]) -> tensor
---
--- x W' + b: x (..., in), weight (out, in), bias (out) -> (..., out). A bias (..., out) is a sum that goes on:
--- linear(h, u, linear(x, w, b)) adds up as one product of both does. Errors: an x whose last axis is not in, a bias
--- that is neither.
---@param x rnn.Tensor
---@param weight rnn.Tensor
---@param bias? rnn.Tensor
---@return rnn.Tensor
function rnn.linear(x, weight, bias) end

--- rnn.linear_cross_entropy(x, labels, weight [, bias [, padded = false [, reduction = mean]]]) -> tensor
---
--- The cross entropy of the logits x weight' + bias, without ever holding all of them: x (..., D), labels (...) int32
--- from 1 as in cross_entropy, weight (V, D), bias (V). For vocabularies of 10,000 words and more; forward makes the
--- gradients already, from the logits of some rows at a time. reduction: mean over the labels that count, or sum.
--- Errors: labels outside 0 .. V, another shape; the reduction none.
---@param x rnn.Tensor
---@param labels rnn.Tensor
---@param weight rnn.Tensor
---@param bias? rnn.Tensor
---@param padded? boolean
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.linear_cross_entropy(x, labels, weight, bias, padded, reduction) end

--- rnn.log(x) -> tensor
---
--- Natural logarithm; NaN below 0. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.log(x) end

--- rnn.log1p(x) -> tensor
---
--- log(1 + x), also of a small x; NaN below -1. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.log1p(x) end

--- rnn.log_sigmoid(x) -> tensor
---
--- log(sigmoid(x)), also where the sigmoid is 0. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.log_sigmoid(x) end

--- rnn.log_softmax(x, axis) -> tensor
---
--- log(softmax(x)) along axis. Errors: an axis that x does not have; int32; along time or over the batch of x with
--- lengths.
---@param x rnn.Tensor|number
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.log_softmax(x, axis) end

--- rnn.logical_and(a, b) -> tensor
---
--- 1 where both are, else 0; of masks, float tensors of 0 and 1, as comparisons give them. Broadcast. Errors: other
--- values, shapes that do not fit together.
---@param a rnn.Tensor of 0 and 1
---@param b rnn.Tensor of 0 and 1
---@return rnn.Tensor
function rnn.logical_and(a, b) end

--- rnn.logical_not(x) -> tensor
---
--- 1 - x; of a mask, a float tensor of 0 and 1 of any shape. Errors: other values.
---@param x rnn.Tensor of 0 and 1
---@return rnn.Tensor
function rnn.logical_not(x) end

--- rnn.logical_or(a, b) -> tensor
---
--- 1 where at least one is, else 0; of masks, float tensors of 0 and 1, as comparisons give them. Broadcast. Errors:
--- other values, shapes that do not fit together.
---@param a rnn.Tensor of 0 and 1
---@param b rnn.Tensor of 0 and 1
---@return rnn.Tensor
function rnn.logical_or(a, b) end

--- rnn.logical_xor(a, b) -> tensor
---
--- 1 where just one is, else 0; of masks, float tensors of 0 and 1, as comparisons give them. Broadcast. Errors:
--- other values, shapes that do not fit together.
---@param a rnn.Tensor of 0 and 1
---@param b rnn.Tensor of 0 and 1
---@return rnn.Tensor
function rnn.logical_xor(a, b) end

--- rnn.logsumexp(x [, axes [, keep]]) -> tensor
---
--- log of the sum of e^x, without overflow, along axes: one, several in a table, or nil for all; keep leaves them
--- with size 1. Over time of a batch with lengths only valid steps count. -inf of nothing; int32 gives float. Errors:
--- an axis that x does not have, the batch without time of one with lengths.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.logsumexp(x, axes, keep) end

--- rnn.lt(a, b) -> tensor
---
--- 1 where a < b, else 0; float or int32, exactly. Broadcast. Errors: shapes that do not fit together.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.lt(a, b) end

--- rnn.mae(prediction, target [, sample_weights [, reduction = "mean"]]) -> tensor
---
--- Absolute error. Any shape, over valid steps; none gives the value of each element. sample_weights, with the first
--- axes of the target, says how many times each part counts; reduction "mean", "sum" or "none". Errors: shapes that
--- differ.
---@param prediction rnn.Tensor|number
---@param target rnn.Tensor|number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.mae(prediction, target, sample_weights, reduction) end

--- rnn.mask(x) -> tensor
---
--- Of x (N, T, ...) the mask (N, T): 1 where a step is valid, 0 behind the lengths; all 1 without lengths. Errors: an
--- x of less than two axes.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.mask(x) end

--- rnn.matmul(a, b) -> tensor
---
--- Matrix product (..., m, k) x (..., k, n) -> (..., m, n); leading axes broadcast. A vector (k) is a row on the
--- left, a column on the right, and the result lacks its axis of size 1: matrix and vector give (..., m), two vectors
--- a number. Errors: int32, inner sizes that differ, batches that do not fit together, a sum over the steps of what
--- has lengths.
---@param a rnn.Tensor
---@param b rnn.Tensor
---@return rnn.Tensor
function rnn.matmul(a, b) end

--- rnn.max(x [, axes [, keep]]) -> tensor
---
--- Largest element along axes: one, several in a table, or nil for all; keep leaves them with size 1. Over time of a
--- batch with lengths only valid steps count. Its first place takes the gradient; NaN comes before all; -inf of
--- nothing. Errors: an axis that x does not have, the batch without time of one with lengths, int32 without elements.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.max(x, axes, keep) end

--- rnn.maximum(a, b) -> tensor
---
--- The larger of each pair, NaN before all; a's gradient where equal. Broadcast. int32 gives int32, beside a float
--- tensor float. Errors: shapes that do not fit together, an int32 result beyond int32.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.maximum(a, b) end

--- rnn.mean(x [, axes [, keep]]) -> tensor
---
--- Mean along axes: one, several in a table, or nil for all; keep leaves them with size 1. Over time of a batch with
--- lengths only valid steps count. 0 of nothing; int32 gives float. Errors: an axis that x does not have, the batch
--- without time of one with lengths.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.mean(x, axes, keep) end

--- rnn.median(x [, axes [, keep]]) -> tensor
---
--- The middle element, or the mean of the two in the middle, as in NumPy (PyTorch takes the lower). Along axes: one,
--- several in a table, or nil for all; keep leaves them with size 1. Over time of a batch with lengths only valid
--- steps count. nan of nothing, and where an element is; its gradient goes to the elements it is made of; int32 gives
--- float. Errors: an axis that x does not have, the batch without time of one with lengths.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.median(x, axes, keep) end

--- rnn.min(x [, axes [, keep]]) -> tensor
---
--- Smallest element along axes: one, several in a table, or nil for all; keep leaves them with size 1. Over time of a
--- batch with lengths only valid steps count. Its first place takes the gradient; NaN comes before all; inf of
--- nothing. Errors: an axis that x does not have, the batch without time of one with lengths, int32 without elements.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.min(x, axes, keep) end

--- rnn.minimum(a, b) -> tensor
---
--- The smaller of each pair, NaN before all; a's gradient where equal. Broadcast. int32 gives int32, beside a float
--- tensor float. Errors: shapes that do not fit together, an int32 result beyond int32.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.minimum(a, b) end

--- rnn.mod(a, b) -> tensor
---
--- a % b, what floor_div leaves: of b's sign, as in Lua. Broadcast. int32 gives int32, beside a float tensor float.
--- Errors: shapes that do not fit together, an int32 divided by 0.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.mod(a, b) end

--- rnn.mse(prediction, target [, sample_weights [, reduction = "mean"]]) -> tensor
---
--- Squared error. Any shape, over valid steps; none gives the value of each element. sample_weights, with the first
--- axes of the target, says how many times each part counts; reduction "mean", "sum" or "none". Errors: shapes that
--- differ.
---@param prediction rnn.Tensor|number
---@param target rnn.Tensor|number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.mse(prediction, target, sample_weights, reduction) end

--- rnn.mul(a, b) -> tensor
---
--- a * b, element by element. Broadcast. int32 gives int32, beside a float tensor float. Errors: shapes that do not
--- fit together, an int32 result beyond int32.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.mul(a, b) end

--- rnn.ne(a, b) -> tensor
---
--- 1 where a ~= b, else 0; float or int32, exactly. Broadcast. Errors: shapes that do not fit together.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.ne(a, b) end

--- rnn.neg(x) -> tensor
---
--- -x. Any shape, float or int32. Errors: a result that no int32 can hold. Errors: an int32 result beyond int32.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.neg(x) end

--- rnn.nonzero(x) -> int32
---
--- The places (from 1) of the elements of x that are not 0, in order: (n) for a vector, else a row for each, (n,
--- number of axes). Errors: a scalar.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.nonzero(x) end

--- rnn.norm(x [, p = 2 [, axes [, keep]]]) -> tensor
---
--- The p-norm (sum of |x|^p)^(1/p): math.huge for the largest |x|, whose first place takes the gradient, -math.huge
--- for the smallest, 0 for how many are not 0. Along axes: one, several in a table, or nil for all; keep leaves them
--- with size 1. Over time of a batch with lengths only valid steps count. 0 of nothing; its gradient is 0 where it is
--- 0; int32 gives float. Errors: an axis that x does not have, the batch without time of one with lengths, a p that
--- is nan.
---@param x rnn.Tensor|number
---@param p? number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.norm(x, p, axes, keep) end

--- rnn.one_hot(ids, classes) -> tensor
---
--- (...) int32 -> (..., classes) float with a 1 at each id; id 0 gives zeros. Errors: ids outside 0 .. classes.
---@param ids rnn.Tensor
---@param classes integer
---@return rnn.Tensor
function rnn.one_hot(ids, classes) end

--- rnn.pad(x, axis, before, after [, mode = "constant" [, value = 0]]) -> tensor
---
--- x with so many places more before and behind along axis, less where negative: of value, of the "replicate"d edge,
--- "reflect"ed at the edge, or "circular", from the other end. Errors: along sequences or time of a batch with
--- lengths; nothing there to repeat; a value that the type cannot hold.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param before integer
---@param after integer
---@param mode? "constant"|"replicate"|"reflect"|"circular"
---@param value? number
---@return rnn.Tensor
function rnn.pad(x, axis, before, after, mode, value) end

--- rnn.permute(x, axes) -> tensor
---
--- The axes in another order: x:permute(3, 1, 2) has axis 3 of x first. Shares memory with x. Errors: not each axis
--- once; another place for sequences or time of a batch with lengths.
---@param x rnn.Tensor
---@param axes integer[] axes from 1, or from -1 backwards, in a table or one by one
---@return rnn.Tensor
function rnn.permute(x, axes) end

--- rnn.poisson_nll(log_rate, target [, sample_weights [, reduction = "mean"]]) -> tensor
---
--- e^y - t y: -log of the Poisson probability of the counts t at rates e^y, without the part that depends on t alone.
--- Any shape, over valid steps; none gives the value of each element. sample_weights, with the first axes of the
--- target, says how many times each part counts; reduction "mean", "sum" or "none". Errors: shapes that differ.
---@param log_rate rnn.Tensor|number
---@param target rnn.Tensor|number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.poisson_nll(log_rate, target, sample_weights, reduction) end

--- rnn.pow(a, b) -> tensor
---
--- a to the power b. Broadcast. int32 gives int32, beside a float tensor float. Errors: shapes that do not fit
--- together, an int32 result beyond int32, a negative int32 exponent.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.pow(a, b) end

--- rnn.prod(x [, axes [, keep]]) -> tensor
---
--- Product along axes: one, several in a table, or nil for all; keep leaves them with size 1. Over time of a batch
--- with lengths only valid steps count. 1 of nothing; int32 gives int32. Errors: an axis that x does not have, the
--- batch without time of one with lengths, an int32 product that overflows.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.prod(x, axes, keep) end

--- rnn.quantile(x, q [, axes [, keep]]) -> tensor
---
--- What the share q, 0 to 1, of the elements is not above; between two elements linear, as in NumPy. Along axes: one,
--- several in a table, or nil for all; keep leaves them with size 1. Over time of a batch with lengths only valid
--- steps count. nan of nothing, and where an element is; its gradient goes to the elements it is made of; int32 gives
--- float. Errors: an axis that x does not have, the batch without time of one with lengths, a q outside 0 .. 1.
---@param x rnn.Tensor|number
---@param q number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.quantile(x, q, axes, keep) end

--- rnn.quantile_loss(prediction, target, q [, sample_weights [, reduction = "mean"]]) -> tensor
---
--- The pinball loss, whose least is at the quantile q of the targets: q (t - y) for a prediction y below its target
--- t, (1 - q) (y - t) above (Koenker, Bassett 1978). Any shape, over valid steps; none gives the value of each
--- element. sample_weights, with the first axes of the target, says how many times each part counts; reduction
--- "mean", "sum" or "none". Errors: shapes that differ.
---@param prediction rnn.Tensor|number
---@param target rnn.Tensor|number
---@param q number
---@param sample_weights? rnn.Tensor
---@param reduction? "mean"|"sum"|"none"
---@return rnn.Tensor
function rnn.quantile_loss(prediction, target, q, sample_weights, reduction) end

--- rnn.reciprocal(x) -> tensor
---
--- 1/x. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.reciprocal(x) end

--- rnn.relu(x) -> tensor
---
--- max(x, 0). Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.relu(x) end

--- rnn.repeat_interleave(x, count, axis) -> tensor
---
--- Each place along axis count times, one behind the other. NumPy's repeat. Errors: a negative count; along sequences
--- or time of a batch with lengths.
---@param x rnn.Tensor
---@param count integer
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.repeat_interleave(x, count, axis) end

--- rnn.reshape(x, shape) -> tensor
---
--- The same elements in another shape; one size may be -1. Shares memory with x, unless x does not lie in rows, as
--- after transpose: then it is a copy, into which writing is an error. Errors: a shape of another number of elements.
---@param x rnn.Tensor
---@param shape integer[] sizes, in a table or one by one
---@return rnn.Tensor
function rnn.reshape(x, shape) end

--- rnn.reverse_steps(x) -> tensor
---
--- x (N, T, ...) with the steps of each sequence in reverse, within its length; padding stays where it is. Errors: an
--- x of less than two axes.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.reverse_steps(x) end

--- rnn.rfft(x [, n]) -> tensor
---
--- Fourier transform of real x (..., n) along its last axis: (..., n // 2 + 1, 2), the frequencies 0, 1 .. n // 2 of
--- n samples, real and imaginary parts; X[k] = sum of x[j] exp(-2 pi i j k / n) with j and k from 0. Another n cuts x
--- or puts zeros behind it. Errors: n below 1, int32, an axis that is time of a batch with lengths.
---@param x rnn.Tensor
---@param n? integer
---@return rnn.Tensor
function rnn.rfft(x, n) end

--- rnn.roll(x, shift, axis or nil) -> tensor
---
--- Each place moved shift further along axis, the last ones to the beginning; without axis, all elements row by row.
--- Errors: an axis that x does not have; along sequences or time of a batch with lengths.
---@param x rnn.Tensor
---@param shift integer
---@param axis? integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.roll(x, shift, axis) end

--- rnn.round(x [, straight_through]) -> tensor
---
--- The nearest integer, of two the even one. No gradient, or with straight_through that of x (Bengio et al. 2013).
--- Any shape, float or int32. Errors: a result that no int32 can hold. Never an error.
---@param x rnn.Tensor|number
---@param straight_through boolean
---@return rnn.Tensor
function rnn.round(x, straight_through) end

--- rnn.rsqrt(x) -> tensor
---
--- 1 over the square root; NaN below 0. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.rsqrt(x) end

--- rnn.scatter(x, axis, ids, y) -> tensor
---
--- x with y in the places that ids name along axis; of equal ones the last counts. ids (int32, from 1) have the axes
--- of x and at most its sizes, but along axis any; y is a number, or has at least their sizes, or 1 to be broadcast.
--- Errors: ids outside 1 .. size, values of another type; along sequences or time of a batch with lengths.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param ids rnn.Tensor
---@param y rnn.Tensor|number
---@return rnn.Tensor
function rnn.scatter(x, axis, ids, y) end

--- rnn.scatter_add(x, axis, ids, y) -> tensor
---
--- x with y added in the places that ids name along axis, each as often as it is named. ids (int32, from 1) have the
--- axes of x and at most its sizes, but along axis any; y is a number, or has at least their sizes, or 1 to be
--- broadcast. Errors: ids outside 1 .. size, values of another type, int32 sums beyond int32; along sequences or time
--- of a batch with lengths.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param ids rnn.Tensor
---@param y rnn.Tensor|number
---@return rnn.Tensor
function rnn.scatter_add(x, axis, ids, y) end

--- rnn.searchsorted(sorted, x [, right]) -> int32
---
--- The place (from 1 to n + 1), of the shape of x, where each element can be put into sorted, (n), ascending, so that
--- it stays in order: before those equal to it, or with right behind them. NaN is the largest. Errors: sorted that is
--- not, two types.
---@param sorted rnn.Tensor
---@param x rnn.Tensor
---@param right? boolean
---@return rnn.Tensor
function rnn.searchsorted(sorted, x, right) end

--- rnn.select(x, axis, index) -> tensor
---
--- One place along axis, which disappears; from 1, or from -1 backwards. Shares memory with x. Errors: a place
--- outside the axis; of a batch with lengths, along its sequences or time.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param index integer
---@return rnn.Tensor
function rnn.select(x, axis, index) end

--- rnn.selu(x) -> tensor
---
--- Scaled elu (Klambauer et al. 2017). Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.selu(x) end

--- rnn.sigmoid(x) -> tensor
---
--- 1/(1+e^-x). Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.sigmoid(x) end

--- rnn.sign(x) -> tensor
---
--- -1, 0 or 1. Any shape, float or int32. Errors: a result that no int32 can hold. Never an error.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.sign(x) end

--- rnn.silu(x) -> tensor
---
--- x sigmoid(x), also called swish (Elfwing et al. 2018). Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.silu(x) end

--- rnn.sin(x) -> tensor
---
--- Sine, x in radians. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.sin(x) end

--- rnn.sinh(x) -> tensor
---
--- Hyperbolic sine. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.sinh(x) end

--- rnn.slice(x, axis, from, to [, step = 1]) -> tensor
---
--- Elements from..to (inclusive) along axis, from 1 or from -1 backwards; every step-th, a negative step goes
--- backwards. Shares memory with x. Errors: places outside the axis, a step of 0; along time of a batch with lengths.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param from integer
---@param to integer
---@param step? integer
---@return rnn.Tensor
function rnn.slice(x, axis, from, to, step) end

--- rnn.softmax(x, axis) -> tensor
---
--- e^x / sum(e^x) along axis. Errors: an axis that x does not have; int32; along time or over the batch of x with
--- lengths.
---@param x rnn.Tensor|number
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.softmax(x, axis) end

--- rnn.softplus(x) -> tensor
---
--- log(1 + e^x). Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.softplus(x) end

--- rnn.softsign(x) -> tensor
---
--- x/(1+|x|). Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.softsign(x) end

--- rnn.sort(x [, axis [, descending]]) -> values, ids
---
--- x in order, and int32 the places (from 1) where its elements were, along axis, the last when it is not given:
--- ascending, or with descending from the largest. Equal elements stay as they are; NaN is the largest. Errors: an
--- axis that x does not have, the batch or time of one with lengths.
---@param x rnn.Tensor
---@param axis? integer from 1, or from -1 backwards
---@param descending? boolean
---@return rnn.Tensor
---@return rnn.Tensor
function rnn.sort(x, axis, descending) end

--- rnn.sqrt(x) -> tensor
---
--- Square root; NaN below 0. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.sqrt(x) end

--- rnn.square(x) -> tensor
---
--- x*x. Any shape, float or int32. Errors: a result that no int32 can hold. Errors: an int32 result beyond int32.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.square(x) end

--- rnn.squeeze(x, axis or nil) -> tensor
---
--- x without an axis of size 1; without axis, without all of them. Shares memory with x. Errors: an axis of another
--- size; time or sequences of a batch with lengths.
---@param x rnn.Tensor
---@param axis? integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.squeeze(x, axis) end

--- rnn.stack({x, y, ...}, axis) -> tensor
---
--- Tensors of one shape joined along a new axis. Errors: shapes or types that differ.
---@param tensors rnn.Tensor[]
---@param axis integer
---@return rnn.Tensor
function rnn.stack(tensors, axis) end

--- rnn.std(x [, axes [, keep [, correction = 1]]]) -> tensor
---
--- Standard deviation, the root of the variance: the sum of squared distances from the mean, divided by their number
--- less correction: 1, the default, for a sample, 0 for all there is; NaN where nothing is left. Along axes: one,
--- several in a table, or nil for all; keep leaves them with size 1. Over time of a batch with lengths only valid
--- steps count. int32 gives float. Errors: an axis that x does not have, the batch without time of one with lengths,
--- a correction below 0. Where it is 0, so is its gradient.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@param correction? integer
---@return rnn.Tensor
function rnn.std(x, axes, keep, correction) end

--- rnn.sub(a, b) -> tensor
---
--- a - b. Broadcast. int32 gives int32, beside a float tensor float. Errors: shapes that do not fit together, an
--- int32 result beyond int32.
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.sub(a, b) end

--- rnn.sum(x [, axes [, keep]]) -> tensor
---
--- Sum along axes: one, several in a table, or nil for all; keep leaves them with size 1. Over time of a batch with
--- lengths only valid steps count. int32 gives int32. Errors: an axis that x does not have, the batch without time of
--- one with lengths, an int32 sum that overflows.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@return rnn.Tensor
function rnn.sum(x, axes, keep) end

--- rnn.take_along_axis(x, ids, axis) -> tensor
---
--- For each id (int32, from 1) that place along axis, in the same place of the other axes, which are broadcast: what
--- argsort and argmax found. x:gather(axis, ids) takes whole places. Errors: ids outside 1 .. size, another number of
--- axes; along sequences or time of a batch with lengths.
---@param x rnn.Tensor
---@param ids rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.take_along_axis(x, ids, axis) end

--- rnn.tan(x) -> tensor
---
--- Tangent, x in radians. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.tan(x) end

--- rnn.tanh(x) -> tensor
---
--- Hyperbolic tangent. Any shape. Errors: an int32 tensor.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.tanh(x) end

--- rnn.tile(x, counts) -> tensor
---
--- x side by side, as often as counts says for each axis; for fewer counts than axes, of the last ones, for more, of
--- new axes in front. (repeat is a word of Lua.) Errors: negative counts; sequences or time of a batch with lengths
--- more than once.
---@param x rnn.Tensor
---@param counts integer[] sizes, in a table or one by one
---@return rnn.Tensor
function rnn.tile(x, counts) end

--- rnn.to_float(x) -> float
---
--- Any shape. Errors: an int32 that float would round.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.to_float(x) end

--- rnn.to_int(x) -> int32
---
--- Cut towards 0. Any shape. Errors: an element that no int32 can hold; behind lengths it is 0.
---@param x rnn.Tensor|number
---@return rnn.Tensor
function rnn.to_int(x) end

--- rnn.topk(x, k [, smallest]) -> int32
---
--- (..., V) -> (..., k): the places (from 1) of the k largest along the last axis, largest first, or of the k
--- smallest; the first of equals first; NaN is the largest. Errors: a k outside 1 .. V; along time of a batch with
--- lengths.
---@param x rnn.Tensor
---@param k integer
---@param smallest? boolean
---@return rnn.Tensor
function rnn.topk(x, k, smallest) end

--- rnn.transpose(x, a, b) -> tensor
---
--- Axes a and b exchanged. Shares memory with x. The shape is that of x with two sizes exchanged. Errors: axes that x
--- does not have; time of a batch with lengths.
---@param x rnn.Tensor
---@param a integer from 1, or from -1 backwards
---@param b integer from 1, or from -1 backwards
---@return rnn.Tensor
function rnn.transpose(x, a, b) end

--- rnn.tril(x [, k = 0]) -> tensor
---
--- The matrices of the last two axes with 0 above the k-th diagonal; k < 0 is below the main one. Errors: fewer than
--- two axes.
---@param x rnn.Tensor
---@param k? integer
---@return rnn.Tensor
function rnn.tril(x, k) end

--- rnn.triu(x [, k = 0]) -> tensor
---
--- The matrices of the last two axes with 0 below the k-th diagonal; k < 0 is below the main one. Errors: fewer than
--- two axes.
---@param x rnn.Tensor
---@param k? integer
---@return rnn.Tensor
function rnn.triu(x, k) end

--- rnn.unique(x) -> values, counts, ids
---
--- The different values of x, (n), ascending, all NaN as one, the last; int32 how often each comes, (n), and, of the
--- shape of x, which of them stands there (from 1). Padding of a batch with lengths is not counted; its ids are 0.
--- Errors: too little memory.
---@param x rnn.Tensor
---@return rnn.Tensor
---@return rnn.Tensor
---@return rnn.Tensor
function rnn.unique(x) end

--- rnn.unsqueeze(x, axis) -> tensor
---
--- x with a new axis of size 1; -1 is behind the last. Shares memory with x. Errors: an axis outside 1 .. the number
--- of axes + 1; in front of time of a batch with lengths.
---@param x rnn.Tensor
---@param axis integer
---@return rnn.Tensor
function rnn.unsqueeze(x, axis) end

--- rnn.var(x [, axes [, keep [, correction = 1]]]) -> tensor
---
--- Variance: the sum of squared distances from the mean, divided by their number less correction: 1, the default, for
--- a sample, 0 for all there is; NaN where nothing is left. Along axes: one, several in a table, or nil for all; keep
--- leaves them with size 1. Over time of a batch with lengths only valid steps count. int32 gives float. Errors: an
--- axis that x does not have, the batch without time of one with lengths, a correction below 0.
---@param x rnn.Tensor|number
---@param axes? integer|integer[] from 1, or from -1 backwards
---@param keep? boolean
---@param correction? integer
---@return rnn.Tensor
function rnn.var(x, axes, keep, correction) end

--- rnn.where(mask, a, b) -> tensor
---
--- a where the mask is 1, b where it is 0. Broadcast. int32 a and b give int32, beside a float tensor float. Errors:
--- other values in the mask, shapes that do not fit together.
---@param mask rnn.Tensor of 0 and 1
---@param a rnn.Tensor|number
---@param b rnn.Tensor|number
---@return rnn.Tensor
function rnn.where(mask, a, b) end

--- rnn.windows(series, starts, length) -> tensor
---
--- Series (L, D), starts int32 (B) -> (B, length, D): the rows from each start on. Errors: starts from which less
--- than length rows are left.
---@param series rnn.Tensor
---@param starts rnn.Tensor
---@param length integer
---@return rnn.Tensor
function rnn.windows(series, starts, length) end

--- rnn.zero_padding(x) -> tensor
---
--- x (N, T, ...) with 0 behind its lengths, whatever is there; any x without lengths as it is. For what takes the
--- steps of a batch apart and so drops its lengths: x:zero_padding():without_lengths(). Never an error.
---@param x rnn.Tensor
---@return rnn.Tensor
function rnn.zero_padding(x) end

--- x:on_grad(f) -> function
---
--- Has every backward, and rnn.grad, that reaches x call f(g) once, when the whole gradient g of x is there, with the shape
--- and lengths of x; when f returns a tensor, it is the gradient from there on: x:on_grad(function(g) return g:clamp(-1, 1)
--- end). The function that is returned removes the hook. A result loses its hooks with its history; those of a parameter
--- stay. Errors: a tensor without history that requires no gradient, or whose history is used up; in backward those of f,
--- gradients of another shape, a yield out of f.
---@param f fun(g: rnn.Tensor): rnn.Tensor?
---@return function remove (), which may be called more than once
function Tensor:on_grad(f) end

--- x:requires_grad([on]) -> boolean | x
---
--- Whether backward gives x a gradient; with an argument it is switched, and x is returned. What a layer's parameters
--- have. Errors: an int32 tensor, or one that an op has made.
---@param on? boolean
---@return boolean|rnn.Tensor x itself, of any shape, when it was switched
function Tensor:requires_grad(on) end

--- x:is_leaf() -> boolean
---
--- False for the recorded result of an op, which has a history, also when backward has used it up; true for all else.
--- Parameters are leaves. Never an error.
---@return boolean
function Tensor:is_leaf() end

--- x:backward([dx])
---
--- Adds the gradient of x to x.grad of every tensor that requires one, and forgets the history of x. Errors: a tensor
--- that was not recorded or whose history is used up, one that was changed in place since, more than one element
--- without dx.
---@param dx? rnn.Tensor the gradient of x, of the same shape; of a scalar it is 1
function Tensor:backward(dx) end

--- x:zero_grad() -> x
---
--- Forgets the gradient of x. Never an error.
---@return rnn.Tensor x itself, of any shape
function Tensor:zero_grad() end

--- x:retain_grad() -> x
---
--- Lets backward keep the gradient of something in between in x.grad, as it does for parameters. Errors: a tensor that
--- was not recorded.
---@return rnn.Tensor x itself, of any shape
function Tensor:retain_grad() end

--- x:shape() -> n, m, ...
---
--- The sizes of all axes, as several results; none for a scalar. Never an error.
---@return integer ... one for each axis
function Tensor:shape() end

--- x:size(axis) -> integer
---
--- The size of one axis. Errors: an axis that x does not have.
---@param axis integer from 1, or from -1 backwards
---@return integer
function Tensor:size(axis) end

--- x:ndim() -> integer
---
--- The number of axes. Never an error.
---@return integer
function Tensor:ndim() end

--- x:count() -> integer
---
--- The number of elements. Never an error.
---@return integer
function Tensor:count() end

--- x:type() -> "float" | "int32"
---
--- "float" stands for the working precision, rnn.precision(). Never an error.
---@return string
function Tensor:type() end

--- x:item() -> number
---
--- The only element, of a loss for instance. Errors: a tensor with more elements or none.
---@return number
function Tensor:item() end

--- x:totable() -> table | number
---
--- All elements as nested tables, the first axis outermost; a scalar as a number. Never an error.
---@return table|number
function Tensor:totable() end

--- x:copy() -> tensor
---
--- The same values in memory of their own, without history. Errors: too little memory.
---@return rnn.Tensor of the same shape
function Tensor:copy() end

--- x:detach() -> tensor
---
--- The same values, sharing memory, without history: backward stops here. Never an error.
---@return rnn.Tensor of the same shape
function Tensor:detach() end

--- x:assign(y) -> x
---
--- Writes y, broadcast, into all of x, as x[i] = y does into a part. Parts share memory, so a write into one is a write
--- into the tensor that it was taken from. A y with a history keeps it; what was overwritten has no gradient any more.
--- Ctrl-C may leave a large write half done; the error says how far it came. Errors: a shape that cannot become that of
--- x, another type, a y with a history into a parameter, an x that is a copy of a part.
---@param y rnn.Tensor of a shape that can be broadcast to that of x
---@return rnn.Tensor x itself, of any shape
function Tensor:assign(y) end

--- x:fill_(value) -> x
---
--- Makes every element value; Ctrl-C as for x:assign. Errors: a value that the type cannot hold.
---@param value number
---@return rnn.Tensor x itself, of any shape
function Tensor:fill_(value) end

--- x:uniform_([low = 0 [, high = 1]]) -> x
---
--- Fills x with random numbers, uniform from low to below high. Errors: an int32 tensor.
---@param low? number
---@param high? number
---@return rnn.Tensor x itself, of any shape
function Tensor:uniform_(low, high) end

--- x:normal_([mean = 0 [, deviation = 1]]) -> x
---
--- Fills x with random numbers of a normal distribution. Errors: an int32 tensor.
---@param mean? number
---@param deviation? number
---@return rnn.Tensor x itself, of any shape
function Tensor:normal_(mean, deviation) end

--- x:truncated_normal_([mean = 0 [, deviation = 1 [, low [, high]]]]) -> x
---
--- Fills x with random numbers of a normal distribution, but only such from low to high; without these, up to two
--- deviations from the mean. Errors: an int32 tensor, low not below high.
---@param mean? number
---@param deviation? number
---@param low? number may be -math.huge
---@param high? number may be math.huge
---@return rnn.Tensor x itself, of any shape
function Tensor:truncated_normal_(mean, deviation, low, high) end

--- x:exponential_([rate = 1]) -> x
---
--- Fills x with random numbers of the exponential distribution, of mean 1 / rate. Errors: an int32 tensor, a rate that is
--- not positive.
---@param rate? number
---@return rnn.Tensor x itself, of any shape
function Tensor:exponential_(rate) end

--- x:bernoulli_([p = 0.5]) -> x
---
--- Makes each element 1 with probability p, else 0. Errors: an int32 tensor, probabilities outside 0 .. 1.
---@param p? number|rnn.Tensor of a shape that can be broadcast to that of x
---@return rnn.Tensor x itself, of any shape
function Tensor:bernoulli_(p) end

--- x:orthogonal_([blocks = 1 [, gain = 1]]) -> x
---
--- Fills a matrix with random orthonormal rows or columns, whichever are fewer; with blocks, each of so many equal
--- parts of its rows. Saxe et al. 2014. Errors: a tensor that is no float matrix, rows that blocks does not divide.
---@param blocks? integer
---@param gain? number a factor of every element
---@return rnn.Tensor x itself, (n, m)
function Tensor:orthogonal_(blocks, gain) end

--- x:lengths() -> tensor | nil
---
--- How many steps of each sequence of a padded batch count; nil for a batch without lengths. Never an error.
---@return rnn.Tensor? int32 (N)
function Tensor:lengths() end

--- x:with_lengths(lengths) -> tensor
---
--- The batch x with the number of steps that count in each sequence. What is behind them reaches no result and no
--- gradient of layers, losses and metrics, whatever it holds, nan and inf included; x itself stays as it is.
--- Gradients flow through. Errors: a tensor of less than two axes, not one length for each sequence,
--- lengths that are no integers from 0 to T.
---@param lengths rnn.Tensor|integer[] int32 (N)
---@return rnn.Tensor (N, T, ...)
function Tensor:with_lengths(lengths) end

--- x:without_lengths() -> tensor
---
--- The batch x with all its steps; padding counts like the rest, whatever it holds: x:zero_padding() makes it 0 before.
--- Never an error.
---@return rnn.Tensor of the same shape
function Tensor:without_lengths() end

--- x:get(i, j, ...) -> number
---
--- One element, without history; for the rows of a matrix there is x[i]. Errors: indices outside the axes, or too few of them.
---@param ... integer an index for each axis, from 1 or from -1 backwards
---@return number
function Tensor:get(...) end

--- x:set(i, j, ..., value) -> x
---
--- Changes one element in place: x:set(2, 3, 0.5). A value with a history, a tensor of one element, keeps it. Errors:
--- indices outside the axes, a value that the type cannot hold.
---@param ... number|rnn.Tensor an index for each axis, from 1 or from -1 backwards, then the value
---@return rnn.Tensor x itself, of any shape
function Tensor:set(...) end

--- x:rows(from, to) -> tensor
---
--- The places from .. to, both included, of the first axis; it shares memory with x. Errors: places outside the axis.
---@param from integer from 1, or from -1 backwards
---@param to integer likewise; from - 1 gives none
---@return rnn.Tensor of shape (to - from + 1, ...)
function Tensor:rows(from, to) end

return rnn
