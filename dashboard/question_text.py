"""What the page of questions about records says, in both languages."""

ENGLISH: dict[str, str] = {
    "page.questions": "Questions",
    "questions.lead": "What somebody wants clarified about a record. Whoever looks after the study closes a question once it is answered.",
    "questions.none": "No open questions.",
    "questions.about.task": "Case {label}",
    "questions.about.reading": "Reading {label}",
    "questions.about.event": "Entry {label}",
    "questions.about.image_set": "Pictures {label}",
    "questions.about.study_case": "Case record {label}",
    "questions.asked": "asked by {who} on {day}",
    "questions.answer": "Answer",
    "questions.send": "Send the answer",
    "questions.close": "Close",
    "questions.answered": "Answered. It waits to be closed.",
    "questions.waiting": "Questions for you: {number}",
}
CHINESE: dict[str, str] = {
    "page.questions": "数据质疑",
    "questions.lead": "对记录需要澄清之处。答复后由研究负责人关闭。",
    "questions.none": "没有未关闭的质疑。",
    "questions.about.task": "病例 {label}",
    "questions.about.reading": "阅片 {label}",
    "questions.about.event": "事件 {label}",
    "questions.about.image_set": "图像 {label}",
    "questions.about.study_case": "病例记录 {label}",
    "questions.asked": "{who} 于 {day} 提出",
    "questions.answer": "答复",
    "questions.send": "提交答复",
    "questions.close": "关闭",
    "questions.answered": "已答复，等待关闭。",
    "questions.waiting": "待您答复的质疑：{number}",
}
