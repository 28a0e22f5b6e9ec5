package data

// download is one file of a data set.
type download struct {
	name string
	sum  string // SHA-256 in hex, or MD5 or the object name in Git where the authors publish those
}

// collection says where a data set comes from.
type collection struct {
	base    string
	mirrors []string // addresses to try after base
	files   []download
	unpack  []unpacked // the file is a .tar.gz in which these are wanted; empty if it is not
}

// unpacked is a file of an archive.
type unpacked struct {
	name string
	size int64
}

// collections are the data sets Fetch knows.
var collections = map[string]collection{
	"mnist": {
		base:    "https://ossci-datasets.s3.amazonaws.com/mnist",
		mirrors: []string{"https://storage.googleapis.com/cvdf-datasets/mnist"},
		files: []download{
			{"train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
			{"train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
			{"t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
			{"t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
		},
	},
	"cifar10": {
		base:  "https://www.cs.toronto.edu/~kriz",
		files: []download{{cifarArchive, "c32a1d4ab5d03f1284b67883e8d87530"}},
		unpack: []unpacked{
			{"data_batch_1.bin", 30_730_000}, {"data_batch_2.bin", 30_730_000}, {"data_batch_3.bin", 30_730_000},
			{"data_batch_4.bin", 30_730_000}, {"data_batch_5.bin", 30_730_000}, {"test_batch.bin", 30_730_000},
		},
	},
	"tiny-shakespeare": {
		base:    "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare",
		mirrors: []string{"https://cdn.jsdelivr.net/gh/karpathy/char-rnn@6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare"},
		files:   []download{{"input.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"}},
	},
	"multi30k": {
		base:    "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw",
		mirrors: []string{"https://cdn.jsdelivr.net/gh/multi30k/dataset@a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"},
		files: []download{
			{"train.en.gz", "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"},
			{"train.de.gz", "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"},
			{"val.en.gz", "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"},
			{"val.de.gz", "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"},
			{"test_2016_flickr.en.gz", "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"},
			{"test_2016_flickr.de.gz", "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"},
		},
	},
	"wikitext-2": { // the token version, in the copy of PyTorch's examples
		base:    "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2",
		mirrors: []string{"https://cdn.jsdelivr.net/gh/pytorch/examples@77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2"},
		files: []download{
			{"train.txt", "2d84b35af79e411d73ea7cae83c73964c6ac83b4"},
			{"valid.txt", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"},
			{"test.txt", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"},
		},
	},
}
