"""What the sandbox sells: kinds of goods, their options and the shops. Plain data."""

# axis name: (Chinese, English, [(Chinese value, English value), ...])
AXES: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "colour": (
        "颜色",
        "Colour",
        [
            ("黑色", "Black"),
            ("白色", "White"),
            ("藏青色", "Navy"),
            ("雾霾蓝", "Haze blue"),
            ("燕麦色", "Oat"),
            ("砖红色", "Brick red"),
            ("墨绿色", "Dark green"),
            ("浅灰色", "Light grey"),
            ("奶油黄", "Cream yellow"),
            ("樱花粉", "Sakura pink"),
        ],
    ),
    "size": ("尺码", "Size", [("S", "S"), ("M", "M"), ("L", "L"), ("XL", "XL")]),
    "shoe": ("鞋码", "Shoe size", [("37", "37"), ("39", "39"), ("41", "41"), ("43", "43")]),
    "capacity": ("容量", "Capacity", [("350ml", "350 ml"), ("500ml", "500 ml"), ("750ml", "750 ml")]),
    "length": ("长度", "Length", [("1米", "1 m"), ("2米", "2 m"), ("3米", "3 m")]),
    "pack": ("套餐", "Pack", [("单件装", "Single"), ("两件装", "Pack of 2"), ("五件装", "Pack of 5")]),
    "bed": ("适用床", "Bed", [("1.2米床", "1.2 m bed"), ("1.5米床", "1.5 m bed"), ("1.8米床", "1.8 m bed")]),
    "plug": ("插头", "Plug", [("国标", "CN plug"), ("欧规", "EU plug"), ("美规", "US plug")]),
}

HEX = {
    "Black": "#2b2b2f",
    "White": "#f2f0ea",
    "Navy": "#25375e",
    "Haze blue": "#8fa9bd",
    "Oat": "#d9c9a8",
    "Brick red": "#a4452f",
    "Dark green": "#2f5243",
    "Light grey": "#b9bcc0",
    "Cream yellow": "#f0dc9b",
    "Sakura pink": "#eab8c1",
}

# (Chinese, English, category, axes, retail price in fen, weight in grams)
KINDS: list[tuple[str, str, str, tuple[str, ...], int, int]] = [
    ("纯棉短袖T恤", "cotton T-shirt", "clothing", ("colour", "size"), 5900, 210),
    ("亚麻长袖衬衫", "linen long-sleeve shirt", "clothing", ("colour", "size"), 12900, 260),
    ("针织开衫", "knitted cardigan", "clothing", ("colour", "size"), 15800, 420),
    ("高腰直筒牛仔裤", "high-waist straight jeans", "clothing", ("colour", "size"), 13900, 620),
    ("轻薄羽绒服", "light down jacket", "clothing", ("colour", "size"), 32900, 480),
    ("羊毛混纺围巾", "wool-blend scarf", "clothing", ("colour",), 6900, 180),
    ("厚底帆布鞋", "platform canvas shoes", "shoes and bags", ("colour", "shoe"), 8900, 780),
    ("透气跑步鞋", "breathable running shoes", "shoes and bags", ("colour", "shoe"), 19900, 640),
    ("真皮乐福鞋", "leather loafers", "shoes and bags", ("colour", "shoe"), 25900, 720),
    ("大容量双肩包", "large backpack", "shoes and bags", ("colour",), 14900, 690),
    ("帆布托特包", "canvas tote bag", "shoes and bags", ("colour",), 4500, 310),
    ("旅行收纳袋", "travel packing cubes", "shoes and bags", ("colour", "pack"), 3200, 240),
    ("蓝牙降噪耳机", "noise-cancelling earphones", "electronics", ("colour",), 18900, 160),
    ("编织快充数据线", "braided fast-charging cable", "electronics", ("colour", "length"), 1990, 60),
    ("氮化镓充电器", "GaN charger", "electronics", ("colour", "plug"), 9900, 130),
    ("桌面手机支架", "desktop phone stand", "electronics", ("colour",), 2590, 220),
    ("机械键盘", "mechanical keyboard", "electronics", ("colour",), 27900, 980),
    ("便携小风扇", "portable fan", "electronics", ("colour",), 4990, 250),
    ("不锈钢保温杯", "stainless-steel flask", "kitchen", ("colour", "capacity"), 6900, 340),
    ("手冲咖啡壶", "pour-over coffee kettle", "kitchen", ("colour", "capacity"), 11900, 560),
    ("陶瓷餐盘", "ceramic dinner plate", "kitchen", ("colour", "pack"), 3900, 650),
    ("竹制砧板", "bamboo chopping board", "kitchen", ("pack",), 4200, 900),
    ("玻璃密封罐", "glass storage jar", "kitchen", ("capacity", "pack"), 2400, 420),
    ("硅胶厨具", "silicone kitchen tools", "kitchen", ("colour", "pack"), 3600, 380),
    ("全棉四件套", "cotton bedding set", "home", ("colour", "bed"), 22900, 1900),
    ("记忆棉枕头", "memory-foam pillow", "home", ("colour", "pack"), 8800, 1100),
    ("香薰蜡烛", "scented candle", "home", ("colour", "pack"), 4900, 330),
    ("可折叠收纳箱", "folding storage box", "home", ("colour", "pack"), 3500, 1200),
    ("加厚遮光窗帘", "blackout curtain", "home", ("colour", "length"), 9800, 1400),
    ("北欧台灯", "Nordic table lamp", "home", ("colour", "plug"), 12800, 850),
    ("瑜伽垫", "yoga mat", "sport and toys", ("colour", "pack"), 7900, 1300),
    ("弹力训练带", "resistance bands", "sport and toys", ("colour", "pack"), 2900, 190),
    ("防水登山外套", "waterproof hiking jacket", "sport and toys", ("colour", "size"), 26900, 690),
    ("速干毛巾", "quick-dry towel", "sport and toys", ("colour", "pack"), 2600, 160),
    ("积木拼装玩具", "building-block set", "sport and toys", ("pack",), 8600, 740),
    ("毛绒玩偶", "plush toy", "sport and toys", ("colour",), 5200, 350),
]

# More goods of the first clothing shop of 1688, so that one order there can have more than 50 SKUs.
MORE_KINDS: list[tuple[str, str, str, tuple[str, ...], int, int]] = [
    ("纯棉中筒袜", "cotton crew socks", "clothing", ("colour", "size"), 1490, 70),
    ("棒球帽", "baseball cap", "clothing", ("colour", "size"), 3900, 110),
]

ADJECTIVES: dict[str, list[tuple[str, str]]] = {
    "taobao": [("2026新款", "New 2026"), ("日系简约", "Japanese-style")],
    "alibaba1688": [("工厂直销", "Factory-direct"), ("跨境专供", "Export-grade")],
    "aliexpress": [("速卖通热卖", "Best-selling"), ("海外仓精选", "Choice")],
}

# market: category: [(Chinese shop, English shop), ...]
SHOPS: dict[str, dict[str, list[tuple[str, str]]]] = {
    "taobao": {
        "clothing": [("棉朵女装旗舰店", "Miando Fashion"), ("北屿衣橱", "North Isle Wardrobe")],
        "shoes and bags": [("步履不停鞋履", "Keep Walking Shoes"), ("行囊箱包店", "Xingnang Bags")],
        "electronics": [("极点数码专营店", "Jidian Digital"), ("声量音频旗舰店", "Shengliang Audio")],
        "kitchen": [("小厨日记", "Little Kitchen Diary"), ("青釉餐具", "Celadon Tableware")],
        "home": [("栖木家居", "Qimu Home"), ("晚安布艺", "Good Night Textiles")],
        "sport and toys": [("野径户外", "Wild Path Outdoor"), ("积趣玩具", "Jiqu Toys")],
    },
    "alibaba1688": {
        "clothing": [("广州锦恒服饰有限公司", "Guangzhou Jinheng Garment"), ("杭州织梦服装厂", "Hangzhou Zhimeng")],
        "shoes and bags": [("温州迈途鞋业有限公司", "Wenzhou Maitu Shoes"), ("白沟箱包加工厂", "Baigou Bag Works")],
        "electronics": [("深圳市讯联电子有限公司", "Shenzhen Xunlian"), ("东莞智充科技厂", "Dongguan Zhichong")],
        "kitchen": [("潮州瓷韵陶瓷厂", "Chaozhou Ciyun Ceramics"), ("永康杯壶制造有限公司", "Yongkang Flasks")],
        "home": [("南通家纺实业有限公司", "Nantong Home Textile"), ("义乌市居佳日用品厂", "Yiwu Jujia")],
        "sport and toys": [("澄海益智玩具厂", "Chenghai Toys"), ("宁波动力体育用品厂", "Ningbo Dongli Sports")],
    },
    "aliexpress": {
        "clothing": [("云裳服饰", "Yunshang Apparel Store"), ("蓝港男装", "Blue Harbour Menswear")],
        "shoes and bags": [("轻履鞋店", "Light Step Shoe Store"), ("远行包袋", "Far Trip Bags Store")],
        "electronics": [("微光数码", "Glimmer Digital Store"), ("回声音频", "Echo Audio Store")],
        "kitchen": [("暖锅厨具", "Warm Pot Kitchen Store"), ("白瓷生活", "White Porcelain Store")],
        "home": [("四季家纺", "Four Seasons Home Store"), ("晨屋家居", "Morning House Store")],
        "sport and toys": [("跃动体育", "Leap Sports Store"), ("方块玩具", "Cube Toys Store")],
    },
}

CARRIERS = [
    ("中通快递", "ZTO", "ZTO Express"),
    ("圆通速递", "YTO", "YTO Express"),
    ("韵达快递", "YUNDA", "Yunda Express"),
    ("顺丰速运", "SF", "SF Express"),
]
