"""Fields of the risk aggregates."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

RISK_FIELDS: list[Field] = [
    *fields_of(
        Kind.CODE,
        ("from_state", "State at the month-end before", "上月末状态"),
        ("to_state", "State at the month-end", "本月末状态"),
        ("dimension", "What is concentrated: customer, lender, product, region", "集中度维度"),
    ),
    *fields_of(Kind.DATE, ("origination_month", "First day of the month the loans started in", "放款月（月首日）")),
    *fields_of(
        Kind.INTEGER,
        ("months_on_book", "Months since the origination month; 0 is that month's end", "账龄（月）"),
        ("months_count", "Months that were looked at", "观察月数"),
    ),
    *fields_of(
        Kind.COUNT,
        *(
            (f"ever_{days}_count", f"Loans ever more than {days} days past due", f"曾逾期超过{days}天借据数")
            for days in (30, 60, 90)
        ),
        *(
            (f"now_{days}_count", f"Loans more than {days} days past due then", f"当时逾期超过{days}天借据数")
            for days in (30, 60, 90)
        ),
        *(
            (f"known{days}_count", f"Loans whose first instalment is {days} days old", f"首期满{days}天的借据数")
            for days in (7, 30)
        ),
        *(
            (f"fpd{days}_count", f"First instalment more than {days} days late", f"首期逾期超过{days}天借据数")
            for days in (7, 30)
        ),
        ("default_count", "Loans in default at the month-end before", "上月末违约借据数"),
        ("cured_count", "Of these, cured by the month-end", "其中本月治愈数"),
        ("redefault_count", "Of the cured, in default again since", "治愈后再违约数"),
        ("entity_count", "Entities with outstanding principal", "主体数"),
    ),
    *fields_of(
        Kind.AMOUNT,
        *(
            (
                f"ever_{days}_amount",
                f"Original principal of loans ever more than {days} days past due",
                f"曾逾期超过{days}天借据的放款本金",
            )
            for days in (30, 60, 90)
        ),
        *(
            (
                f"now_{days}_amount",
                f"Outstanding principal more than {days} days past due then",
                f"当时逾期超过{days}天的本金余额",
            )
            for days in (30, 60, 90)
        ),
        ("exposure_amount", "Outstanding principal and past-due interest and fees", "风险敞口"),
        ("expected_loss_amount", "Expected credit loss", "预期信用损失"),
        ("collected_amount", "Of what fell due in the month, settled by its end", "当月到期并于月末前收回金额"),
    ),
    *fields_of(
        Kind.RATE,
        ("npl_rate", "Outstanding principal of class 3 and worse over all outstanding principal", "不良率"),
        *((f"ever_{days}_rate", f"ever_{days}_count over loan_count", f"曾逾期{days}+比率") for days in (30, 60, 90)),
        ("rate_by_count", "Share of the loans of the state before", "迁徙率（笔数）"),
        ("rate_by_amount", "Share of the outstanding principal of the state before", "迁徙率（金额）"),
        *((f"fpd{days}_rate", f"fpd{days}_count over known{days}_count", f"首期逾期{days}+比率") for days in (7, 30)),
        ("stress_factor", "Factor on the probability of default", "违约概率压力倍数"),
        ("coverage_rate", "Expected loss over exposure", "拨备覆盖敞口比率"),
        ("hhi_rate", "Sum of squared shares of outstanding principal", "赫芬达尔指数"),
        ("top10_rate", "Share of the ten largest", "前十大占比"),
        ("largest_rate", "Share of the largest", "最大占比"),
        ("roll_forward_rate", "Share of loans that got worse in the last month", "最近一月向下迁徙率"),
        ("mean_rate", "Mean of the months before", "此前各月均值"),
        ("spread_rate", "Sample standard deviation of the months before", "此前各月标准差"),
        ("lower_limit_rate", "Lower control limit", "控制下限"),
        ("upper_limit_rate", "Upper control limit", "控制上限"),
        ("collection_rate", "collected_amount over due_amount", "到期回收率"),
        ("cure_rate", "cured_count over default_count", "治愈率"),
        ("redefault_rate", "redefault_count over cured_count", "再违约率"),
        ("recovery_rate", "Recovered over charged off, up to the month-end", "核销收回率"),
    ),
    *fields_of(Kind.FLAG, ("is_warning", "The rate is above its upper control limit", "是否触发预警")),
]
