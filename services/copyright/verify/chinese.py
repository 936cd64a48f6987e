"""Reasons in Chinese: the checks speak English, and who reads the Chinese line is told the same."""

import re

_TOLD = r"""
entry (\d+) is not in a tree of (\d+)
    第 \1 条不在共 \2 条的日志中
the proof has too few hashes
    证明中的摘要过少
the proof has too many hashes
    证明中的摘要过多
the proof is missing
    缺少证明
the proof leads to another (?:old |new )?root
    证明导出的根摘要不同
no tree of (\d+) can be shown to continue one of (\d+)
    共 \1 条的日志无从延续共 \2 条的日志
trees of one size need no proof
    规模相同的日志不需要证明
two roots at one size
    同一规模出现两个根摘要
this Python has no SM3; install the package cryptography
    本机 Python 不支持 SM3，请安装 cryptography
the program openssl is not installed
    本机未安装 openssl
the program openssl did not finish within 30 s
    openssl 30 秒内未完成
the program openssl could not verify: (.*)
    openssl 无法核验：\1
this computer's OpenSSL .*
    本机 OpenSSL 不支持该公钥或算法
none of the trusted keys (?:of the log )?signed this
    没有任何可信公钥对此签名
the signature by (\S+) \((\w+)\) is wrong
    \1(\2)的签名有误
the key (\w+) was retired at size (\d+)
    公钥 \1 已于第 \2 条后停用
no key of (\S+) was given: take the trust file anew
    未提供 \1 的公钥，请重新获取可信公钥文件
(?:the field|an entry|the detail|the first event|who describes|\S+ needs).*
    日志条目的格式有误
the text is not (?:JSON|in its canonical form)
    内容不是规范格式的 JSON
event (\d+) with another predecessor came first
    第 \1 个事件的前序事件不符
the event belongs to another registration
    该事件属于另一项登记
(\S+) has no place while the registration is (\S+)
    登记处于 \2 状态时不应有 \1 事件
(\S+) is for the (\S+) to make
    \1 事件应由 \2 作出
no transfer is proposed
    没有待接受的转让
that transfer is not the one proposed last
    所接受的不是最后提出的转让
(?:no|that) licence is (?:not )?offered
    该许可未发出或已撤回
the holder has it already
    受让人已是权利人
a revision does not go back to an earlier version
    修订不得退回较早版本
the bundle has no time-stamp yet, so it does not prove when
    证据包尚无可信时间戳，不能证明时间
the time-stamp is about something else
    时间戳针对的是其他内容
no time-stamp authority is trusted: name its certificate with --trust
    未指定可信的时间戳机构，请用 --trust 提供其证书
good when it was made, (.*), but its certificates .*
    时间戳于 \1 作出时有效，其证书此后已过期，需补做时间戳
whole, but by an authority that is not among those you trust
    时间戳完整，但其机构不在可信之列
openssl refuses the time-stamp: (.*)
    openssl 不认可该时间戳：\1
this openssl does not know the algorithm: (.*)
    本机 openssl 不支持该算法：\1
(?:this is no|the) time-stamp.*|an element ends outside
    时间戳的格式有误
too few witnesses for the quorum (\S+): (.*)
    见证未达 \1 所需数量：\2
no witness policy was given
    未提供见证策略
the archive is not as it was issued.*
    归档与签发时不一致；如曾重新打包，请解开后核验文件夹
the archive is damaged: (.*)
    归档已损坏：\1
a member is compressed; bundles are not
    成员被压缩，与签发时不一致
a bundle has no member (.*)|no member may be named (.*)
    证据包中有不应存在的成员
the bundle has no seal: .*
    证据包没有签封：成员可能被删去或替换
the bundle has no ([^ :]+)(?:: .*)?
    证据包缺少 \1
the members are not those that were sealed
    成员与签封时不一致
the seal has a line that is not its key's
    签封中有不属于签封公钥的行
the seal has a line twice
    签封中有重复的行
the seal has a line of another key of (\S+): .*
    签封中有 \1 的未知公钥，请重新获取可信公钥文件
the checkpoint is not the one in the proof
    检查点与证明中的不一致
the two logs do not agree on index, size and origin
    两个日志的序号、规模或名称不一致
(\S+): the log signed two roots at size (\d+)
    \1：日志在规模 \2 处签署了两个不同的根摘要
the record commits to another identity or salt
    记录所承诺的身份或盐值不同
the record commits to other facts, files or salt
    记录所承诺的事项、文件或盐值不同
the record commits to no facts, so none can be told with it
    记录未承诺登记事项，不应附有事项
the record has the root of another manifest
    记录中的清单根摘要不同
the record has another ISCC, or none
    记录中没有该内容标识码，或与之不同
the record is not in its own history
    变更历史中没有该记录
no history is enclosed: .*
    未附变更历史，无法得知登记此后的变化
no event of the registration names this licence
    该登记的任何事件都未载明此许可
the legal text is not that of (\S+)
    协议全文不是 \1 的文本
this verifier does not know the words of (\S+)
    本程序未收录 \1 的文本
a (content code|licence) was logged, and the bundle has no (\S+)
    日志中有此项，而证据包缺少 \2
the work has several files, and the bundle does not list them
    作品有多个文件，而证据包未列出清单
the file named with --work is not the registered work
    --work 指定的文件不是所登记的作品
the enclosed (?:file is|files are) not (?:those of )?the registered work
    所附文件不是所登记的作品
the receipt in (\S+) does not name the work
    \1 中的回执未载明该作品
(\S+) is about another work
    \1 针对的是其他作品
(?:a salt|a disclosure) .*|\S+ (?:has other members|is not an? .*)|not an object of .*
    成员的格式有误
(?:an?|not?) .*(?:note|checkpoint|signature|base64|key|number|hash|proof|policy).*
    签名或证明的格式有误
"""
_LINES = _TOLD.strip().splitlines()
_PATTERNS = [
    (re.compile(english), chinese.strip())
    for english, chinese in zip(_LINES[::2], _LINES[1::2], strict=True)
]
"""The first that matches counts."""


def in_chinese(reason: str) -> str:
    """A reason that a check gives, in Chinese; itself where it is none of ours."""
    for pattern, told in _PATTERNS:
        if found := pattern.fullmatch(reason):
            return found.expand(told)
    name, colon, inner = reason.partition(": ")
    if colon and " " not in name:
        return f"{name}：{in_chinese(inner)}"
    return reason
