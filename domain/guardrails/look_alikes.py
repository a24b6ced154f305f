"""What signs can be read as, and which are not seen: Unicode's tables. Made by `make look-alikes`.

Source: UTS #39 17.0.0 by disarm 0.17.2, Unicode 18.0.0.
"""

from collections.abc import Mapping

READINGS: Mapping[str, str] = {
    "a": (
        "\u023a\u0251\u028c\u0386\u0391\u039b\u03ac\u03b1\u0410\u041b\u0430\u04c5\u04d0\u04d1\u04d2"
        "\u04d3\u0664\u06f4\u07c4\u096a\u0aea\u0b6a\u0bea\u0c6a\u0cea\u0d6a\u0dea\u0e25\u0e54\u0ed4"
        "\u0f24\u1044\u1094\u13aa\u13ce\u1431\u15c4\u15c5\u17e4\u1814\u194a\u19d4\u1a84\u1a94\u1b54"
        "\u1bb4\u1c44\u1c54\u1d00\u1d27\u1d45\u1d8f\u1dba\u1e9a\u1f00\u1f01\u1f02\u1f03\u1f04\u1f05"
        "\u1f06\u1f07\u1f08\u1f09\u1f0a\u1f0b\u1f0c\u1f0d\u1f0e\u1f0f\u1f70\u1f71\u1fb0\u1fb1\u1fb6"
        "\u1fb8\u1fb9\u1fba\u1fbb\u2200\u2376\u237a\u2783\u2801\u2841\u2c65\u2c6d\u2c6f\u2c70\u2c80"
        "\u2c81\u2c96\u2c97\u2d37\ua4e5\ua4ee\ua4ef\ua624\ua6ce\ua7da\ua7dc\ua8d4\ua904\ua9d4\ua9f4"
        "\uaa54\uab7a\uab9e\uabf4\U0001028d\U000102a0\U0001041f\U000104a4\U000104b0\U000104b2"
        "\U000104d8\U000104da\U00010920\U00010ca4\U00010d34\U00010d44\U00011015\U0001106a\U000110f4"
        "\U0001113a\U000111d4\U000112f4\U00011454\U000114d4\U00011654\U000116c4\U000116d4\U000116de"
        "\U00011734\U000118af\U000118e4\U00011954\U00011ad8\U00011adb\U00011bf4\U00011c54\U00011d54"
        "\U00011da4\U00011de4\U00011f54\U00016134\U00016a45\U00016a64\U00016ac4\U00016b54\U00016d74"
        "\U00016f3d\U00016f40\U00016f41\U0001ccd6\U0001ccf4\U0001d217\U0001d6a8\U0001d6b2\U0001d6c2"
        "\U0001d6e2\U0001d6ec\U0001d6fc\U0001d71c\U0001d726\U0001d736\U0001d756\U0001d760\U0001d770"
        "\U0001d790\U0001d79a\U0001d7aa\U0001df40\U0001df41\U0001df80\U0001dfe9\U0001e030\U0001e051"
        "\U0001e144\U0001e2f4\U0001e4f4\U0001e5f5\U0001e954\U0001f150\U0001f170"
    ),
    "aa": "\ua732\ua733",
    "ae": "\u00c6\u00e6\u01e2\u01e3\u01fc\u01fd\u04d4\u04d5\u1d2d\U00010783",
    "ai": (
        "\u1f80\u1f81\u1f82\u1f83\u1f84\u1f85\u1f86\u1f87\u1f88\u1f89\u1f8a\u1f8b\u1f8c\u1f8d\u1f8e"
        "\u1f8f\u1fb2\u1fb3\u1fb4\u1fb7\u1fbc"
    ),
    "ao": "\ua734\ua735",
    "ar": "\U0001f707",
    "au": "\ua736\ua737",
    "av": "\ua738\ua739\ua73a\ua73b",
    "ay": "\ua73c\ua73d",
    "a|b": "\u0245\u09ea\u0a6a",
    "b": (
        "\u00df\u0180\u0181\u0182\u0183\u0184\u0185\u0222\u0223\u0243\u0253\u0299\u0392\u03b2\u03d0"
        "\u0412\u042c\u0432\u044c\u0462\u0463\u048c\u048d\u07c8\u096e\u09ee\u0a6e\u0aee\u0b03\u0b6e"
        "\u0bee\u0c6e\u0cee\u0d6e\u0dee\u0e58\u0ed8\u0f28\u1048\u1098\u10e1\u10ee\u13cf\u13f0\u13f4"
        "\u13f8\u13fc\u1472\u1473\u15af\u15f7\u16d2\u17e8\u1818\u194e\u19d8\u1a88\u1a98\u1b58\u1bb8"
        "\u1c48\u1c58\u1c80\u1c87\u1ca1\u1cae\u1d03\u1d3d\u1d5d\u1d66\u1d6c\u1d80\u2787\u2803\u2843"
        "\u2c82\u2c83\ua4d0\ua557\ua628\ua69d\ua796\ua797\ua7b4\ua7b5\ua8d8\ua908\ua9d8\ua9f8\uaa58"
        "\uab9f\uabf8\U00010282\U000102a1\U00010301\U0001031a\U0001041d\U000104a8\U00010784\U00010785"
        "\U00010810\U00010931\U00010d38\U00010d48\U0001106e\U000110f8\U0001113e\U000111d8\U000112f8"
        "\U00011458\U000114d8\U00011658\U000116c8\U000116d8\U000116e2\U00011738\U000118e8\U00011958"
        "\U00011ac4\U00011bf8\U00011c58\U00011d58\U00011da8\U00011de8\U00011f58\U00016138\U00016a68"
        "\U00016ac8\U00016b58\U00016d78\U00016eb6\U00016ed1\U0001ccd7\U0001ccf8\U0001d6a9\U0001d6c3"
        "\U0001d6e3\U0001d6fd\U0001d71d\U0001d737\U0001d757\U0001d771\U0001d791\U0001d7ab\U0001dfd2"
        "\U0001e032\U0001e053\U0001e148\U0001e2f8\U0001e4f8\U0001e5f9\U0001e8cb\U0001e958\U0001f151"
        "\U0001f171"
    ),
    "bi": "\u044b\u04f8\u04f9\U0001e047\U0001e066",
    "bl": "\u042b",
    "b|a": "\u0668\u06f8",
    "b|g": "\u0411\u0431\U0001e031\U0001e052",
    "c": (
        "\u00a2\u00a9\u0187\u0188\u023b\u023c\u0255\u037c\u037d\u03da\u03db\u03fe\u03ff\u0421\u0441"
        "\u04aa\u04ab\u1004\u105a\u122d\u13df\u14bc\u1974\u1c83\u1d04\u1d9d\u20a1\u2809\u2849\u2ca4"
        "\u2ca5\ua4da\ua724\ua725\ua73e\ua73f\ua794\ua7c4\uabaf\uffe0\U000102a2\U00010302\U00010415"
        "\U0001043d\U0001051b\U0001051c\U0001061f\U000118f2\U00011ac2\U00013286\U00016f10\U0001ccd8"
        "\U0001df1d\U0001df90\U0001df91\U0001df92\U0001dffa\U0001e03f\U0001e05e\U0001e06b\U0001f152"
        "\U0001f16e\U0001f172\U0001f74c"
    ),
    "c|o": "\u03f2\u03f9\U0001d6d3\U0001d70d\U0001d747\U0001d781\U0001d7bb",
    "d": (
        "\u00d0\u0110\u0111\u0189\u018a\u018b\u018c\u0221\u0256\u0257\u0394\u03b4\u0500\u0501\u053a"
        "\u053e\u056a\u056e\u10eb\u13a0\u13e7\u146f\u1577\u15de\u15ea\u1cab\u1d05\u1d06\u1d5f\u1d6d"
        "\u1d81\u1d91\u1e9f\u20ab\u2819\u2859\u2cdd\u2e39\ua4d2\ua4d3\ua779\ua77a\ua7c7\ua7c8\uab70"
        "\uabb7\U0001078b\U0001078c\U0001078d\U00011ad9\U0001ccd9\U0001d6ab\U0001d6c5\U0001d6e5"
        "\U0001d6ff\U0001d71f\U0001d739\U0001d759\U0001d773\U0001d793\U0001d7ad\U0001df25\U0001df2d"
        "\U0001dfd3\U0001dfe8\U0001dfef\U0001dff5\U0001f153\U0001f173\U0001f1a5"
    ),
    "dz": "\u02a3\U00010787",
    "e": (
        "\u018e\u018f\u0190\u01dd\u0246\u0247\u0258\u0259\u025b\u025c\u025d\u0388\u0395\u03ad\u03b5"
        "\u03f5\u0400\u0401\u0404\u0415\u0417\u0435\u0437\u0450\u0451\u0454\u0498\u0499\u04bc\u04bd"
        "\u04be\u04bf\u04d6\u04d7\u04d8\u04d9\u04da\u04db\u04de\u04df\u0510\u0511\u0663\u06f3\u07c3"
        "\u0969\u09e9\u0a69\u0ae9\u0b69\u0be9\u0c69\u0ce9\u0d69\u0de9\u0e53\u0ed3\u0f23\u1043\u1093"
        "\u10d5\u13ac\u13cb\u1702\u17e3\u1813\u1949\u19c9\u19d3\u1a83\u1a93\u1b53\u1bb3\u1c43\u1c53"
        "\u1c95\u1d07\u1d08\u1d32\u1d4a\u1d4b\u1d4c\u1d92\u1d93\u1d94\u1d9f\u1f10\u1f11\u1f12\u1f13"
        "\u1f14\u1f15\u1f18\u1f19\u1f1a\u1f1b\u1f1c\u1f1d\u1f72\u1f73\u1fc8\u1fc9\u2094\u20ac\u2107"
        "\u212e\u2203\u2204\u22f4\u22ff\u2377\u2782\u2811\u2851\u2c78\u2c88\u2c89\u2c9c\u2c9d\u2d39"
        "\u2d3a\ua4f0\ua4f1\ua623\ua7ab\ua8d3\ua903\ua9d3\ua9f3\uaa53\uab32\uab33\uab34\uab7c\uab9b"
        "\uabf3\U00010286\U00010401\U0001041a\U00010429\U00010442\U000104a3\U00010536\U0001078e"
        "\U00010d33\U00010d43\U00011069\U000110f3\U00011139\U000111d3\U00011296\U000112f3\U00011453"
        "\U000114d3\U00011653\U000116c3\U000116d3\U000116dd\U00011733\U000118aa\U000118ae\U000118ca"
        "\U000118ce\U00011953\U00011bf3\U00011c53\U00011d53\U00011da3\U00011de3\U00011f53\U00016133"
        "\U00016a63\U00016ac3\U00016b53\U00016d73\U00016f2d\U00016f3b\U0001ccda\U0001ccf3\U0001d206"
        "\U0001d221\U0001d6ac\U0001d6c6\U0001d6dc\U0001d6e6\U0001d700\U0001d716\U0001d720\U0001d73a"
        "\U0001d750\U0001d75a\U0001d774\U0001d78a\U0001d794\U0001d7ae\U0001d7c4\U0001df43\U0001df44"
        "\U0001df81\U0001dfea\U0001e035\U0001e037\U0001e04b\U0001e056\U0001e058\U0001e143\U0001e2f3"
        "\U0001e4f3\U0001e5f4\U0001e912\U0001e934\U0001e953\U0001f154\U0001f174"
    ),
    "eo": "\u1d14",
    "e|c": "\ua792\ua793",
    "e|m": "\U000118e3",
    "e|t": "\U000118a6",
    "e|z": "\u01b7\u021c\u04e0\u2cc4\u2ccc\ua76a",
    "f": (
        "\u0191\u0192\u03dc\u0554\u0584\u15b4\u15b7\u1d6e\u1d82\u1e9c\u1e9d\u280b\u284b\ua4dd\ua730"
        "\ua77b\ua77c\ua798\ua799\ua7fb\uab35\U00010287\U000102a5\U00010525\U000118a2\U000118c2"
        "\U0001ccdb\U0001d213\U0001d230\U0001d7ca\U0001f155\U0001f175"
    ),
    "fn": "\u02a9\U00010790",
    "f|j": "\u0284\U00010798",
    "f|r": "\u0492\u0493",
    "g": (
        "\u018d\u0193\u01e4\u01e5\u0260\u0261\u0262\u029b\u050c\u050d\u0551\u0581\u0669\u06f9\u07c9"
        "\u096f\u09ef\u0a6f\u0aef\u0b6f\u0bef\u0c6f\u0cef\u0d6f\u0def\u0e59\u0ed9\u0f29\u1049\u1099"
        "\u10ba\u13c0\u13f3\u13fb\u17e9\u1819\u194f\u19d9\u1a89\u1a99\u1b59\u1bb9\u1c49\u1c59\u1d79"
        "\u1d83\u1da2\u2788\u281b\u285b\u2cca\u2ccb\ua4d6\ua629\ua76e\ua76f\ua770\ua77d\ua7a0\ua7a1"
        "\ua7ac\ua8d9\ua909\ua9d9\ua9f9\uaa59\uab36\uab90\uabf9\U000104a9\U00010792\U00010793"
        "\U00010794\U00010d39\U00010d49\U0001106f\U000110f9\U0001113f\U000111d9\U000112f9\U00011459"
        "\U000114d9\U00011659\U000116c9\U000116d9\U000116e3\U00011739\U000118ac\U000118b6\U000118cc"
        "\U000118d6\U00011959\U00011bf9\U00011c59\U00011d59\U00011da9\U00011de9\U00011f59\U00016139"
        "\U00016a69\U00016ac9\U00016b59\U00016d79\U0001ccdc\U0001ccf9\U0001df01\U0001df30\U0001df45"
        "\U0001dfd4\U0001e149\U0001e2f9\U0001e4f9\U0001e5fa\U0001e959\U0001f156\U0001f176"
    ),
    "g|b": (
        "\u0666\u06f6\u07c6\u096c\u09ec\u0a6c\u0aec\u0b6c\u0bec\u0c6c\u0cec\u0d6c\u0dec\u0e56\u0ed6"
        "\u0f26\u1046\u1096\u13ee\u17e6\u1816\u194c\u1986\u19d6\u1a86\u1a96\u1b56\u1bb6\u1c46\u1c56"
        "\u2785\u2cd2\u2cd3\ua626\ua8d6\ua906\ua9d6\ua9f6\uaa56\uabbe\uabf6\U000102c9\U0001041e"
        "\U000104a6\U00010d36\U00010d46\U0001106c\U000110f6\U0001113c\U000111d6\U000112f6\U00011456"
        "\U000114d6\U00011656\U000116c6\U000116d6\U000116e0\U00011736\U000118d5\U00011956\U00011bf6"
        "\U00011c56\U00011d56\U00011da6\U00011de6\U00011f56\U00016136\U00016a66\U00016ac6\U00016b56"
        "\U00016d76\U0001ccf6\U0001e146\U0001e2f6\U0001e4f6\U0001e5f7\U0001e956"
    ),
    "g|b|d": "\u2cdc",
    "g|b|o": "\u03ec",
    "g|b|w": "\U000118e6",
    "g|c": "\U000118e9",
    "h": (
        "\u0126\u0127\u0266\u029c\u02b1\u0370\u0376\u040b\u0418\u041d\u043d\u045b\u04a2\u04a3\u04a4"
        "\u04a5\u04ba\u04bb\u04c7\u04c8\u04c9\u04ca\u0540\u0570\u13a8\u13b0\u13bb\u13c2\u13f2\u13fa"
        "\u157c\u1d78\u210f\u2813\u2853\u2c67\u2c68\u2c75\u2c76\u2c8e\u2c8f\ua4e7\ua694\ua695\ua6b1"
        "\ua795\ua7aa\ua7f8\uab78\uab80\uab8b\uab92\U000102cf\U00010512\U00010795\U00010796\U0001ccdd"
        "\U0001df32\U0001df46\U0001df47\U0001dff6\U0001f157\U0001f177"
    ),
    "h|n": "\u0397\U0001d6ae\U0001d6e8\U0001d722\U0001d75c\U0001d796",
    "i": (
        "\u0131\u0197\u0268\u0269\u026a\u027a\u02db\u0345\u037a\u038a\u0390\u03aa\u03af\u03b9\u03ca"
        "\u0407\u0456\u0457\u0552\u0582\u13a5\u1d7b\u1d7c\u1d96\u1da4\u1da5\u1da6\u1da7\u1f30\u1f31"
        "\u1f32\u1f33\u1f34\u1f35\u1f36\u1f37\u1f38\u1f39\u1f3a\u1f3b\u1f3c\u1f3d\u1f3e\u1f3f\u1f76"
        "\u1f77\u1fbe\u1fd0\u1fd1\u1fd2\u1fd3\u1fd6\u1fd7\u1fd8\u1fd9\u1fda\u1fdb\u2373\u2378\u280a"
        "\u284a\u2c93\ua646\ua647\ua7ae\uab75\U000107a6\U000118c3\U00016eaa\U0001ccde\U0001d6a4"
        "\U0001d6ca\U0001d704\U0001d73e\U0001d778\U0001d7b2\U0001df1a\U0001df70\U0001e04c\U0001e068"
        "\U0001f158\U0001f178"
    ),
    "i|l": (
        "\u0196\u01c3\u0285\u0286\u0373\u0399\u0406\u04c0\u04cf\u053c\u0588\u05c0\u05d5\u05df\u0622"
        "\u0623\u0625\u0627\u0661\u0673\u06f1\u07c1\u07ca\u07d7\u0846\u0967\u09e7\u0ae7\u0b67\u0be7"
        "\u0c67\u0ce7\u0d67\u0de7\u0e42\u0e51\u0ed1\u0f21\u1041\u1091\u1175\u13c6\u144a\u14ab\u16bd"
        "\u16c1\u16c2\u16d0\u16d9\u17e1\u1811\u1947\u1963\u1968\u19d1\u1a81\u1a91\u1b51\u1bb1\u1c41"
        "\u1c51\u1d09\u1da9\u1dab\u2110\u2111\u2160\u2223\u2224\u239c\u239f\u23a2\u23a5\u23aa\u23ae"
        "\u23fd\u24be\u2502\u2503\u2780\u2807\u2847\u2c92\u2cd1\u2d4f\u2d51\u2f01\u3021\u3163\u31d1"
        "\u4e28\ua024\ua4f2\ua621\ua68c\ua6da\ua76c\ua76d\ua780\ua781\ua78b\ua7fe\ua8d1\ua901\ua9d1"
        "\ua9f1\uaa51\uaab1\uab5e\uab96\uabae\uabf1\ufb35\ufb4b\ufd3c\ufd3d\ufe31\ufe81\ufe82\ufe83"
        "\ufe84\ufe87\ufe88\ufe8d\ufe8e\uff29\uffdc\uffe8\U0001028a\U00010309\U00010320\U00010339"
        "\U00010358\U0001036d\U00010383\U00010387\U00010443\U00010451\U00010466\U000104a1\U0001050e"
        "\U00010741\U000107b6\U00010846\U00010889\U000108e6\U000108ed\U00010926\U00010a61\U00010b25"
        "\U00010c3e\U00010ca5\U00010ce5\U00010d31\U00010d41\U00010f10\U00011009\U0001102d\U00011067"
        "\U000110f1\U00011137\U000111d1\U000112f1\U00011451\U000114d1\U00011651\U000116c1\U000116d1"
        "\U000116db\U00011731\U000118e1\U00011951\U00011ace\U00011ae5\U00011bf1\U00011c51\U00011d51"
        "\U00011da1\U00011dda\U00011de1\U00011f51\U000122d9\U000132a4\U00013300\U000133ea\U000133fa"
        "\U00016131\U00016a59\U00016a61\U00016ac1\U00016b51\U00016d71\U00016f28\U00018801\U00018807"
        "\U0001880e\U00018832\U0001884f\U00018898\U0001bc02\U0001bc07\U0001bc0c\U0001ccf1\U0001d408"
        "\U0001d43c\U0001d470\U0001d4d8\U0001d540\U0001d574\U0001d5a8\U0001d5dc\U0001d610\U0001d644"
        "\U0001d678\U0001d6b0\U0001d6ea\U0001d724\U0001d75e\U0001d798\U0001dfd5\U0001dfd6\U0001dfe2"
        "\U0001dfec\U0001e050\U0001e141\U0001e2f1\U0001e4f1\U0001e5f2\U0001e822\U0001e826\U0001e829"
        "\U0001e82b\U0001e8c7\U0001e951\U0001ee00\U0001ee80"
    ),
    "i|l|g": "\u0a67",
    "i|l|j": "\ua7b1",
    "j": (
        "\u01aa\u0237\u0248\u0249\u025f\u0287\u029d\u037f\u03f3\u0408\u0458\u0545\u0575\u058c\u0d3d"
        "\u13ab\u148d\u1d0a\u1da1\u1da8\u281a\u285a\ua4d9\ua7b2\uab7b\U00010483\U000107bb\U00010891"
        "\U0001ccdf\U0001d6a5\U0001dfd9\U0001e04d\U0001f159\U0001f179"
    ),
    "k": (
        "\u0138\u0198\u0199\u039a\u03ba\u03f0\u040c\u041a\u043a\u045c\u049a\u049b\u049c\u049e\u049f"
        "\u04a0\u04a1\u13e6\u16d5\u1d0b\u1d84\u20ad\u2805\u2845\u2c69\u2c6a\u2c94\u2c95\ua4d7\ua740"
        "\ua741\ua742\ua743\ua744\ua745\ua7a2\ua7a3\uabb6\U00010518\U00010c9e\U00010cde\U0001cce0"
        "\U0001d6b1\U0001d6cb\U0001d6de\U0001d6eb\U0001d705\U0001d718\U0001d725\U0001d73f\U0001d752"
        "\U0001d75f\U0001d779\U0001d78c\U0001d799\U0001d7b3\U0001d7c6\U0001df03\U0001df48\U0001df49"
        "\U0001dffb\U0001e039\U0001e05a\U0001f15a\U0001f17a"
    ),
    "kw": "\u33c0",
    "l": (
        "\u013f\u0140\u0141\u0142\u019a\u01c0\u0234\u023d\u026b\u026c\u026d\u029f\u13de\u14aa\u18f3"
        "\u1d0c\u1d85\u1daa\u2c60\u2c61\u2c62\ua4e1\ua748\ua749\ua78e\ua7ad\uab37\uab38\uab39\uab5d"
        "\uff5c\U00010526\U0001079b\U0001079c\U0001079d\U000118b2\U00016f16\U0001cce1\U0001d22a"
        "\U0001df04\U0001df11\U0001df13\U0001df26\U0001dff0\U0001f15b\U0001f17b"
    ),
    "ll": "\u01c1\u05f0\u2016\u2225\u2226\U00010199\U000107b7",
    "lls": "\U00010198",
    "lo": "\u042e",
    "ls": "\u02aa\U00010799",
    "lt": "\u20b6",
    "lz": "\u02ab\U0001079a",
    "l|i": "\u24c1\u24db\u2cd0\U0001041b\U000118a3",
    "m": (
        "\u0271\u028d\u03fa\u041c\u043c\u04cd\u04ce\u0560\u057f\u10a7\u10aa\u10c0\u13b7\u15f0\u16d6"
        "\u1d0d\u1d6f\u1d86\u1dac\u20a5\u280d\u284d\u2c6e\u2c98\u2c99\u2d07\u2d0a\u2d20\ua4df\ua7fa"
        "\uab3a\uab51\uab69\uab87\U000102b0\U00010311\U00011700\U0001cce2\U0001df4a\U0001df4b"
        "\U0001df4c\U0001e03b\U0001f15c\U0001f17c"
    ),
    "mb": "\U0001f76b",
    "mw": "\u33c1",
    "m|u": "\u039c\U0001d6b3\U0001d6ed\U0001d727\U0001d761\U0001d79b",
    "n": (
        "\u014a\u014b\u019d\u019e\u0220\u0235\u0272\u0273\u0274\u0389\u03a0\u03ae\u03b7\u03c0\u03d6"
        "\u041f\u043f\u0542\u0548\u054c\u0572\u0578\u057c\u0e17\u10b6\u1952\u1d0e\u1d28\u1d51\u1d70"
        "\u1d87\u1dae\u1daf\u1db0\u1f20\u1f21\u1f22\u1f23\u1f24\u1f25\u1f26\u1f27\u1f28\u1f29\u1f2a"
        "\u1f2b\u1f2c\u1f2d\u1f2e\u1f2f\u1f74\u1f75\u1fc6\u1fca\u1fcb\u213c\u213f\u281d\u285d\u2c9a"
        "\u2c9b\u2d16\ua4e0\ua4f5\ua790\ua791\ua7a4\ua7a5\uab3b\U0001018e\U0001033f\U000104bb"
        "\U000104e3\U00010513\U00011ae1\U0001cce3\U0001d6b7\U0001d6c8\U0001d6d1\U0001d6e1\U0001d6f1"
        "\U0001d702\U0001d70b\U0001d71b\U0001d72b\U0001d73c\U0001d745\U0001d755\U0001d765\U0001d776"
        "\U0001d77f\U0001d78f\U0001d79f\U0001d7b0\U0001d7b9\U0001d7c9\U0001df27\U0001df4d\U0001df4e"
        "\U0001dfdc\U0001dff1\U0001dff7\U0001e03d\U0001e05d\U0001f15d\U0001f17d"
    ),
    "ni": (
        "\u1f90\u1f91\u1f92\u1f93\u1f94\u1f95\u1f96\u1f97\u1f98\u1f99\u1f9a\u1f9b\u1f9c\u1f9d\u1f9e"
        "\u1f9f\u1fc2\u1fc3\u1fc4\u1fc7\u1fcc"
    ),
    "n|v": "\u039d\U0001d6b4\U0001d6ee\U0001d728\U0001d762\U0001d79c",
    "o": (
        "\u00d8\u00f8\u0186\u019f\u01fe\u01ff\u0254\u0275\u028a\u0298\u037b\u038c\u0398\u039f\u03b8"
        "\u03bf\u03c3\u03cc\u03d1\u03ed\u03f4\u03fd\u041e\u043e\u0472\u0473\u047a\u047b\u04e6\u04e7"
        "\u04e8\u04e9\u04ea\u04eb\u0555\u0585\u05e1\u0629\u0647\u0660\u06be\u06c0\u06c1\u06c2\u06d5"
        "\u06f0\u06ff\u07c0\u07cb\u0966\u09e6\u0a66\u0ae6\u0b20\u0b66\u0be6\u0c02\u0c66\u0c82\u0ce6"
        "\u0d02\u0d20\u0d66\u0d82\u0de6\u0e50\u0ed0\u0f20\u1010\u101d\u1040\u1090\u10d7\u10d8\u10ff"
        "\u12d0\u1340\u13be\u13eb\u17e0\u1810\u1946\u1985\u199e\u19a2\u19b2\u19d0\u1a23\u1a37\u1a45"
        "\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\u1c5b\u1c82\u1c97\u1c98\u1cbf\u1d0f\u1d10\u1d11\u1d53"
        "\u1d97\u1db1\u1db7\u1dbf\u1f40\u1f41\u1f42\u1f43\u1f44\u1f45\u1f48\u1f49\u1f4a\u1f4b\u1f4c"
        "\u1f4d\u1f78\u1f79\u1ff8\u1ff9\u2296\u229d\u236c\u2815\u2855\u2c7a\u2c90\u2c91\u2c9e\u2c9f"
        "\u2d31\u2d41\u2d54\u2d59\u3007\ua132\ua4db\ua4f3\ua620\ua668\ua669\ua66a\ua69a\ua74a\ua74b"
        "\ua74c\ua74d\ua89d\ua8a1\ua8d0\ua900\ua9d0\ua9f0\uaa50\uab3d\uab3e\uab3f\uab74\uab8e\uabbb"
        "\uabf0\ufb41\ufba4\ufba5\ufba6\ufba7\ufba8\ufba9\ufbaa\ufbab\ufbac\ufbad\ufcd9\ufe93\ufe94"
        "\ufee9\ufeea\ufeeb\ufeec\U00010292\U000102ab\U0001030f\U00010404\U00010423\U0001042c"
        "\U0001044b\U00010474\U00010486\U000104a0\U000104c2\U000104c3\U000104ea\U000104eb\U00010516"
        "\U0001051e\U000107a2\U000107b5\U00010a92\U00010d30\U00010d40\U0001101e\U00011066\U000110f0"
        "\U00011124\U00011136\U000111d0\U000112db\U000112f0\U0001141b\U00011450\U000114d0\U00011650"
        "\U000116c0\U000116d0\U000116da\U00011730\U000118a8\U000118b7\U000118c8\U000118d7\U000118e0"
        "\U00011950\U00011ae4\U00011bf0\U00011c50\U00011d50\U00011da0\U00011de0\U00011f50\U00016130"
        "\U00016a60\U00016ac0\U00016ae9\U00016b50\U00016d70\U0001bc44\U0001cce4\U0001ccf0\U0001d21a"
        "\U0001d6af\U0001d6b6\U0001d6b9\U0001d6c9\U0001d6d0\U0001d6d4\U0001d6dd\U0001d6e9\U0001d6f0"
        "\U0001d6f3\U0001d703\U0001d70a\U0001d70e\U0001d717\U0001d723\U0001d72a\U0001d72d\U0001d73d"
        "\U0001d744\U0001d748\U0001d751\U0001d75d\U0001d764\U0001d767\U0001d777\U0001d77e\U0001d782"
        "\U0001d78b\U0001d797\U0001d79e\U0001d7a1\U0001d7b1\U0001d7b8\U0001d7bc\U0001d7c5\U0001df1b"
        "\U0001df42\U0001df72\U0001df73\U0001e03c\U0001e04e\U0001e05c\U0001e140\U0001e2f0\U0001e4f0"
        "\U0001e5f1\U0001e827\U0001e950\U0001ee24\U0001ee64\U0001ee84\U0001f10d\U0001f15e\U0001f17e"
        "\U0001f714"
    ),
    "oe": "\u0152\u0153\ua7f9",
    "oo": "\u221e\ua698\ua699\ua74e\ua74f",
    "o|c": "\u2183\u2184",
    "o|g|b": "\U000118b5",
    "p": (
        "\u00de\u00fe\u01a4\u01a5\u01bf\u01f7\u03a1\u03c1\u03f1\u03f7\u03f8\u0420\u0440\u048e\u048f"
        "\u0532\u0562\u13e2\u146d\u18d6\u1d18\u1d29\u1d68\u1d71\u1d7d\u1d88\u1fe4\u1fe5\u1fec\u2117"
        "\u2374\u280f\u284f\u2c63\u2ca2\u2ca3\u2cce\u2ccf\ua4d1\ua750\ua751\ua752\ua753\ua754\ua755"
        "\uabb2\U00010295\U000102af\U00010419\U000104c4\U0001069e\U00010e8c\U00011ae2\U0001cce5"
        "\U0001d6b8\U0001d6d2\U0001d6e0\U0001d6f2\U0001d70c\U0001d71a\U0001d72c\U0001d746\U0001d754"
        "\U0001d766\U0001d780\U0001d78e\U0001d7a0\U0001d7ba\U0001d7c8\U0001dfd1\U0001dffc\U0001e03e"
        "\U0001f15f\U0001f17f\U0001f18a"
    ),
    "q": (
        "\u024a\u024b\u02a0\u03e4\u03e5\u051a\u051b\u0533\u0536\u0563\u0566\u10ad\u10b3\u146b\u191a"
        "\u1d90\u281f\u285f\u2d55\ua756\ua757\ua758\ua759\ua7af\U0001cce6\U0001df34\U0001dffd"
        "\U0001f160\U0001f180"
    ),
    "qe": "\U0001f700",
    "r": (
        "\u00ae\u01a6\u024c\u024d\u027c\u027d\u027e\u027f\u0280\u0403\u0413\u0433\u0453\u13a1\u13d2"
        "\u1587\u16b1\u18f4\u1d19\u1d26\u1d72\u1d73\u1d89\u2817\u2857\u2c64\u2c84\u2c85\ua4e3\ua782"
        "\ua783\ua7a6\ua7a7\ua7e2\uab46\uab47\uab48\uab49\uab4b\uab4c\uab6c\uab6d\uab71\uab81\uaba2"
        "\U000104b4\U000107a8\U000107a9\U000107aa\U00010f17\U00016f35\U0001cce7\U0001d216\U0001df16"
        "\U0001df28\U0001df35\U0001df37\U0001df61\U0001dfdd\U0001dfeb\U0001e033\U0001e054\U0001f161"
        "\U0001f181"
    ),
    "s": (
        "\u01a8\u01a9\u01bc\u01bd\u023f\u0282\u0283\u03e9\u0405\u0455\u07c5\u096b\u09eb\u0a6b\u0aeb"
        "\u0b6b\u0beb\u0c6b\u0ceb\u0d1f\u0d6b\u0deb\u0e23\u0e55\u0ed5\u0f25\u1045\u1095\u10bd\u10fd"
        "\u13a6\u13d5\u13da\u1506\u17e5\u1815\u18f5\u194b\u19d5\u1a85\u1a95\u1b55\u1bb5\u1c45\u1c55"
        "\u1cbd\u1d24\u1d74\u1d8a\u1db3\u1db4\u2140\u2211\u222b\u2784\u280e\u284e\u2c7e\u2d49\ua4e2"
        "\ua576\ua625\ua645\ua682\ua683\ua731\ua784\ua785\ua7a8\ua7a9\ua7c5\ua7c9\ua7ca\ua7cc\ua7cd"
        "\ua7f1\ua8d5\ua905\ua9d5\ua9f5\uaa55\uab4d\uab76\uaba5\uabaa\uabf5\U00010296\U00010343"
        "\U00010420\U00010448\U000104a5\U000107ba\U00010d35\U00010d45\U0001106b\U000110f5\U0001113b"
        "\U000111d5\U000112f5\U00011455\U000114d5\U00011655\U000116c5\U000116d5\U000116df\U00011735"
        "\U000118a1\U000118bb\U000118c1\U00011955\U00011bf5\U00011c55\U00011d55\U00011da5\U00011de5"
        "\U00011f55\U00016135\U00016a65\U00016ac5\U00016ad6\U00016b55\U00016d75\U00016f3a\U0001cce8"
        "\U0001ccf5\U0001df1e\U0001df29\U0001dff8\U0001e069\U0001e145\U0001e2f5\U0001e4f5\U0001e5f6"
        "\U0001e955\U0001f162\U0001f182"
    ),
    "ss": "\u222c\ua7d6\U0001d6a6\U0001df95",
    "sss": "\u222d\U0001f75c",
    "ssss": "\u2a0c",
    "s|c|o": "\u03c2",
    "s|f": "\u017f",
    "s|m": "\u054f",
    "s|o": "\u03a3\u0665\u06f5\U0001d6ba\U0001d6f4\U0001d72e\U0001d768\U0001d7a2",
    "s|z": "\U000118e5",
    "t": (
        "\u0166\u0167\u01ab\u01ac\u01ad\u01ae\u0236\u023e\u0288\u03a4\u03c4\u0422\u0442\u04ac\u04ad"
        "\u07c7\u07e0\u096d\u0a6d\u0aed\u0b6d\u0bed\u0c6d\u0ced\u0ded\u0e57\u0ec0\u0ed7\u0f27\u1047"
        "\u1097\u10a0\u1350\u13a2\u13bf\u17e7\u1817\u194d\u19d7\u1a87\u1a97\u1b57\u1bb7\u1c47\u1c57"
        "\u1c84\u1c85\u1d1b\u1d75\u1db5\u20ae\u22a4\u2361\u2786\u27d9\u281e\u285e\u2c66\u2ca6\u2ca7"
        "\ua4d4\ua50b\ua627\ua786\ua787\ua8d7\ua907\ua9d7\ua9f7\uaa57\uab72\uab8f\uabf7\U00010297"
        "\U000102b1\U00010315\U00010344\U000104a7\U000104d2\U00010605\U00010747\U000107af\U0001092f"
        "\U00010d37\U00010d47\U0001106d\U000110f7\U0001113d\U000111d7\U000112f7\U00011457\U000114d7"
        "\U00011657\U000116c7\U000116d7\U000116e1\U00011737\U000118c6\U000118e7\U00011957\U00011add"
        "\U00011bf7\U00011c57\U00011d57\U00011da7\U00011de7\U00011f57\U00016137\U00016a4b\U00016a67"
        "\U00016ac7\U00016b57\U00016d77\U00016f0a\U00016f0b\U00016f0d\U00016f0e\U00016f21\U0001cce9"
        "\U0001ccf7\U0001d212\U0001d6bb\U0001d6d5\U0001d6f5\U0001d70f\U0001d72f\U0001d749\U0001d769"
        "\U0001d783\U0001d7a3\U0001d7bd\U0001df09\U0001df2a\U0001dff2\U0001dffe\U0001dfff\U0001e040"
        "\U0001e147\U0001e2f7\U0001e4f7\U0001e5f8\U0001e957\U0001f163\U0001f183\U0001f768"
    ),
    "tf": "\ua777",
    "ts": "\u02a6\U000107ac",
    "t|g": "\u09ed\u0d6d",
    "t|i|l": "\u0372",
    "t|v": "\u0667\u06f7",
    "t|y": "\U000118bc",
    "u": (
        "\u00b5\u0244\u0289\u038e\u03ab\u03b0\u03bc\u03c5\u03cb\u03cd\u03d3\u03d4\u040f\u045f\u054d"
        "\u057d\u07ce\u0e19\u0e1a\u0e21\u0e9a\u1200\u13cc\u144c\u14d1\u162e\u1634\u1d1c\u1d7e\u1d7f"
        "\u1d99\u1db6\u1db8\u1f50\u1f51\u1f52\u1f53\u1f54\u1f55\u1f56\u1f57\u1f59\u1f5b\u1f5d\u1f5f"
        "\u1f7a\u1f7b\u1fe0\u1fe1\u1fe2\u1fe3\u1fe6\u1fe7\u1fe8\u1fe9\u1fea\u1feb\u2127\u222a\u22c3"
        "\u2825\u2865\ua4f4\ua79e\ua79f\ua7b8\ua7b9\uab4e\uab52\uab5f\uab9c\U00010335\U000104ce"
        "\U000104f6\U000118b8\U000118d8\U00016b14\U00016f42\U0001ccea\U0001d6cd\U0001d6d6\U0001d707"
        "\U0001d710\U0001d741\U0001d74a\U0001d77b\U0001d784\U0001d7b5\U0001d7be\U0001df7a\U0001df7b"
        "\U0001df7c\U0001df7d\U0001df7e\U0001df7f\U0001dfda\U0001e06a\U0001e90b\U0001e92d\U0001f164"
        "\U0001f184"
    ),
    "ua": "\u3382",
    "ue": "\u1d6b",
    "uf": "\u338c",
    "ug": "\u338d",
    "ul": "\u3395",
    "um": "\u339b",
    "uo": "\uab63",
    "us": "\u33b2",
    "uv": "\u33b6",
    "uw": "\u33bc",
    "u|o": "\u01b1",
    "u|v": "\u028b\u1db9",
    "u|w": "\u0531",
    "v": (
        "\u03bd\u0474\u0475\u0476\u0477\u05d8\u084d\u13d9\u142f\u1d20\u2228\u22c1\u2827\u2867\u2c71"
        "\u2c74\u2d38\ua4e6\ua6df\ua75e\ua75f\uaba9\ufb38\U00010197\U0001046b\U0001051d\U000107b0"
        "\U00010828\U00010c1f\U00011706\U000118a0\U000118c0\U00011adf\U00016a4d\U00016f08\U0001cceb"
        "\U0001d20d\U0001d6ce\U0001d708\U0001d742\U0001d77c\U0001d7b6\U0001df39\U0001df51\U0001df52"
        "\U0001f165\U0001f185\U0001f708"
    ),
    "vb": "\U0001f76c",
    "v|u": "\u01b2",
    "w": (
        "\u019c\u026f\u038f\u03a9\u03c9\u03ce\u0428\u0429\u0448\u0449\u0460\u0461\u047c\u047d\u051c"
        "\u051d\u0561\u0e1e\u13b3\u13d4\u1d21\u1d5a\u1f60\u1f61\u1f62\u1f63\u1f64\u1f65\u1f66\u1f67"
        "\u1f68\u1f69\u1f6a\u1f6b\u1f6c\u1f6d\u1f6e\u1f6f\u1f7c\u1f7d\u1ff6\u1ffa\u1ffb\u209d\u20a9"
        "\u2126\u2375\u283a\u287a\u2c72\u2c73\u2cb0\u2cb1\u2cbc\u2cbd\ua4ea\ua64c\ua64d\ua760\ua761"
        "\ua7b6\ua7b7\uab83\uaba4\uffe6\U000114c5\U0001170a\U0001170e\U0001170f\U000118ef\U0001ccec"
        "\U0001d6c0\U0001d6da\U0001d6fa\U0001d714\U0001d734\U0001d74e\U0001d76e\U0001d788\U0001d7a8"
        "\U0001d7c2\U0001df3f\U0001dfdb\U0001dff4\U0001e046\U0001e064\U0001f166\U0001f186"
    ),
    "wi": (
        "\u1fa0\u1fa1\u1fa2\u1fa3\u1fa4\u1fa5\u1fa6\u1fa7\u1fa8\u1fa9\u1faa\u1fab\u1fac\u1fad\u1fae"
        "\u1faf\u1ff2\u1ff3\u1ff4\u1ff7\u1ffc"
    ),
    "x": (
        "\u00d7\u03a7\u03c7\u0425\u0445\u04b2\u04b3\u04fe\u04ff\u10bf\u1541\u157d\u166d\u166e\u16b7"
        "\u1c1e\u1cf5\u1d61\u1d6a\u1d8d\u2573\u282d\u286d\u292b\u292c\u2a2f\u2a30\u2cac\u2cad\u2d5d"
        "\ua4eb\ua7b3\uab53\uab55\uab56\uab57\uab58\uab59\U00010196\U00010290\U000102b4\U00010317"
        "\U00010322\U00010347\U00010527\U00010a89\U00010c13\U00010c82\U00010cc2\U0001100b\U000118ec"
        "\U0001cced\U0001d6be\U0001d6d8\U0001d6f8\U0001d712\U0001d732\U0001d74c\U0001d76c\U0001d786"
        "\U0001d7a6\U0001d7c0\U0001e043\U0001e061\U0001f167\U0001f187"
    ),
    "y": (
        "\u00a5\u0194\u01b3\u01b4\u024e\u024f\u0263\u028f\u02e0\u0393\u03b3\u040e\u0423\u0443\u045e"
        "\u04ae\u04af\u04b0\u04b1\u04ee\u04ef\u04f0\u04f1\u04f2\u04f3\u10e7\u13a9\u13bd\u1ca7\u1d5e"
        "\u1d67\u1efe\u1eff\u209e\u213d\u213e\u283d\u287d\u2ca8\u2ca9\ua4ec\ua6b2\uab5a\uab79\uab8d"
        "\uffe5\U000102b2\U00010345\U0001061e\U000107b2\U000118dc\U00016f43\U0001ccee\U0001d6aa"
        "\U0001d6c4\U0001d6e4\U0001d6fe\U0001d71e\U0001d738\U0001d758\U0001d772\U0001d792\U0001d7ac"
        "\U0001df55\U0001dfd0\U0001e041\U0001e04f\U0001e05f\U0001e06d\U0001f168\U0001f188"
    ),
    "y|u": "\u03a5\u03d2\U0001d6bc\U0001d6f6\U0001d730\U0001d76a\U0001d7a4",
    "y|v": "\u1d8c",
    "y|z": "\U000118a4",
    "z": (
        "\u01b5\u01b6\u01bb\u01ee\u01ef\u021d\u0224\u0225\u0240\u0290\u0291\u0292\u0396\u04e1\u0547"
        "\u0577\u0662\u06f2\u07c2\u0968\u09e8\u0a68\u0ae8\u0be8\u0c68\u0ce8\u0d68\u0de8\u0e52\u0ed2"
        "\u0f22\u1042\u1092\u10cd\u10f3\u13c3\u14bf\u1646\u17e2\u1812\u1948\u19d2\u1a82\u1a92\u1b52"
        "\u1bb2\u1c42\u1c52\u1cb3\u1d22\u1d76\u1d8e\u1dbc\u1dbd\u1dbe\u209f\u2781\u2835\u2875\u2c6b"
        "\u2c6c\u2c7f\u2c8c\u2c8d\u2cc5\u2ccd\u2d2d\ua4dc\ua622\ua6c9\ua6ef\ua75a\ua76b\ua7c6\ua8d2"
        "\ua902\ua9d2\ua9f2\uaa52\uab93\uabf2\U000102f5\U00010336\U000104a2\U00010553\U00010d32"
        "\U00010d42\U00011068\U000110f2\U00011138\U000111d2\U000112f2\U00011452\U000114d2\U00011652"
        "\U000116c2\U000116d2\U000116dc\U00011732\U000118a9\U000118c4\U000118e2\U00011952\U00011ad1"
        "\U00011bf2\U00011c52\U00011d52\U00011da2\U00011de2\U00011f52\U00016132\U00016a62\U00016ac2"
        "\U00016b52\U00016d72\U0001ccef\U0001ccf2\U0001d6ad\U0001d6e7\U0001d721\U0001d75b\U0001d795"
        "\U0001df66\U0001dff9\U0001e142\U0001e2dc\U0001e2f2\U0001e4f2\U0001e5f3\U0001e952\U0001f169"
        "\U0001f189"
    ),
    "z|g": "\u0b68",
    "z|s": "\u01a7\u03e8\ua644",
}  # fmt: skip
"""The characters beyond ASCII that can be read as letters a to z, by their readings, the likeliest first.
``|`` stands between readings."""

UNSEEN: tuple[tuple[int, int], ...] = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x13441, 0x13442),
    (0x16FE4, 0x16FE4),
    (0x1BCA0, 0x1BCA3),
    (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Ranges of what leaves no ink: what Unicode lets a renderer ignore, and blanks that are no spaces."""

BLANKS = "\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U00016fe4\U0001d159"
"""Those that are as wide as a letter."""
