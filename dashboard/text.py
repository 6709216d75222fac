"""Every sentence a page shows, in one place: English, and Chinese for the founding paper's users.

A missing translation falls back to English. Pages call `text(key)`; the language is the account's own.
"""

ENGLISH: dict[str, str] = {
    "app": "Gilbreth",
    "claims": "Checked on phantoms and small real crops; research use; not a medical device.",
    "simulated": "Simulated data: drawn from the founding paper's published means and SDs, not measured in any department.",
    "nav.results": "Results",
    "nav.help": "Help",
    "page.headline": "Headline",
    "page.minutes": "Minutes",
    "page.clicks": "Clicks",
    "page.quality": "Quality",
    "page.pictures": "Pictures",
    "page.methods": "Methods",
    "signed_out": "You are signed out.",
    "sign_in": "Sign in",
    "sign_out": "Sign out",
    "study": "Study",
    "idle_warning": "Signed out after 15 minutes without activity.",
    "reasons": "Why regions failed",
    "pictures.case": "Case",
    "pictures.view": "View",
    "pictures.angle": "Angle [°]",
    "pictures.verdict": "Automatic check",
    "pictures.vessels": "Arteries found",
    "pictures.stages": "Machine time by stage",
    "no_page": "Your account has no role that opens a page here. Ask an administrator for one.",
    "no_study": "There is no study yet. Create one with `gilbreth study init PROTOCOL`, or see a filled one with `gilbreth demo`.",
    "blinded": "Outcomes are closed until the study is locked, signed and unblinded. Until then only the monitor sees them.",
    "headline.minutes": "Hands-on minutes per case",
    "headline.minutes.help": "Hands-on time = elapsed − pauses − AI wait, computed from events. Difference = AI − manual, paired by case.",
    "headline.clicks": "Clicks per case",
    "headline.clicks.help": "Presses of the primary button without drag, in the arm's tool. Difference = AI − manual, paired by case.",
    "headline.pass": "Pass rate",
    "headline.pass.help": "Share of cases that the majority of readers passed. Difference = AI − manual, paired by case, Tango interval.",
    "headline.pairs": "Pairs",
    "headline.verdict": "Is quality kept?",
    "verdict.shown": "Non-inferior pass rate **shown**.",
    "verdict.not shown": "Non-inferior pass rate **not shown**.",
    "verdict.not yet known": "Quality: **not yet known**.",
    "table.title": "Every figure, with its method",
    "no_pictures": "No reconstruction is stored yet. `gilbreth demo` makes one from a phantom.",
}

CHINESE: dict[str, str] = {
    "claims": "仅在体模和少量真实局部数据上验证；供研究使用；不是医疗器械。",
    "simulated": "模拟数据：按原论文公布的均值和标准差抽样，并非任何科室的实测结果。",
    "nav.results": "结果",
    "nav.help": "帮助",
    "page.headline": "概要",
    "page.minutes": "耗时",
    "page.clicks": "点击",
    "page.quality": "质量",
    "page.pictures": "图像",
    "page.methods": "方法",
    "study": "研究",
    "idle_warning": "15 分钟无操作将自动退出。",
    "reasons": "各区域不合格原因",
    "pictures.case": "病例",
    "pictures.view": "视图",
    "pictures.angle": "角度 [°]",
    "pictures.verdict": "自动检查",
    "pictures.vessels": "已识别动脉",
    "pictures.stages": "各步骤机器时间",
    "signed_out": "您已退出登录。",
    "sign_in": "登录",
    "sign_out": "退出",
    "no_page": "您的账号没有可打开页面的角色，请联系管理员。",
    "no_study": "尚无研究。请用 `gilbreth study init PROTOCOL` 新建，或用 `gilbreth demo` 查看示例。",
    "blinded": "研究锁定、签名并揭盲之前不显示结果；在此之前只有监察员可见。",
    "headline.minutes": "每例操作分钟数",
    "headline.clicks": "每例点击数",
    "headline.pass": "合格率",
    "headline.pairs": "配对数",
    "headline.verdict": "质量是否保持？",
    "verdict.shown": "合格率非劣效：**成立**。",
    "verdict.not shown": "合格率非劣效：**未能证明**。",
    "verdict.not yet known": "质量：**尚不清楚**。",
    "table.title": "全部数字及其方法",
    "no_pictures": "尚无重建结果。`gilbreth demo` 会用体模生成一个。",
}

LANGUAGES = {"en": ENGLISH, "zh": CHINESE}


def lookup(key: str, *, language: str = "en") -> str:
    """The sentence for a key.

    Examples
    --------
    >>> lookup("sign_out", language="zh"), lookup("app", language="zh")
    ('退出', 'Gilbreth')
    """
    return LANGUAGES.get(language, ENGLISH).get(key) or ENGLISH[key]
